/** Containers are looked at. */
import { type Action, container } from './action.ts'

const list = (weight: number, ...words: string[]): Action => ({
  weight,
  make: () => ({ words, mustSucceed: true }),
})

const of = (weight: number, ...words: string[]): Action => ({
  weight,
  make: random => ({ words: [...words, container(random)] }),
})

export const ps = list(6, 'ps', '-a')
export const images = list(2, 'images')
export const networks = list(1, 'network', 'ls')
export const volumes = list(1, 'volume', 'ls')
export const pastEvents = list(1, 'events', '--since', '1m', '--until', '0s')
export const stats = list(1, 'stats', '--no-stream')

export const inspect = of(3, 'inspect')
export const why = of(2, 'why')
export const logs = of(3, 'logs')
export const top = of(1, 'top')
export const port = of(1, 'port')

export const wait: Action = {
  weight: 2,
  make: random => ({ words: ['wait', container(random)], lasts: true }),
}

export const followLogs: Action = {
  weight: 3,
  make: random => ({ words: ['logs', '-f', container(random)], lasts: true }),
}

export const attach: Action = {
  weight: 3,
  make: random => ({ words: ['attach', '--no-stdin', container(random)], lasts: true, speaksForContainer: true }),
}

export const events: Action = { weight: 1, make: () => ({ words: ['events'], lasts: true }) }

export const explain: Action = {
  weight: 1,
  make: random => ({ words: ['explain', container(random)] }),
}
