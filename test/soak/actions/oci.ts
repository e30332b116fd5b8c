/** Containers of `utsuwa-oci`. */
import type { Random } from '../random.ts'
import { type Action, ociIds } from './action.ts'

const id = (random: Random): string => random.pick(ociIds)

const oci = (weight: number, words: (random: Random) => string[]): Action => ({
  weight,
  make: random => ({ program: 'utsuwa-oci', words: words(random) }),
})

export const ociCreate: Action = {
  weight: 6,
  make: (random, { bundles }) => ({
    program: 'utsuwa-oci',
    words: ['create', '--bundle', random.pick(bundles), id(random)],
    speaksForContainer: true,
  }),
}

export const ociRun: Action = {
  weight: 2,
  make: (random, { bundles }) => ({
    program: 'utsuwa-oci',
    words: ['run', '--bundle', random.pick(bundles), id(random)],
    lasts: true,
    speaksForContainer: true,
  }),
}

export const ociExec: Action = {
  weight: 2,
  make: random => ({
    program: 'utsuwa-oci',
    words: ['exec', id(random), 'sh', '-c', random.pick(['true', 'exit 6', 'sleep 0.5'])],
    speaksForContainer: true,
  }),
}

export const ociStart = oci(5, random => ['start', id(random)])
export const ociKill = oci(3, random => ['kill', id(random), random.pick(['KILL', 'TERM'])])
export const ociDelete = oci(3, random => ['delete', id(random)])
export const ociDeleteForced = oci(3, random => ['delete', '--force', id(random)])
export const ociState = oci(2, random => ['state', id(random)])
export const ociPause = oci(1, random => ['pause', id(random)])
export const ociResume = oci(1, random => ['resume', id(random)])

export const ociList: Action = {
  weight: 2,
  make: () => ({ program: 'utsuwa-oci', words: ['list'], mustSucceed: true }),
}
