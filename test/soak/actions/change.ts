/** Containers change, and go. */
import { type Action, container, containerNames } from './action.ts'

const simple = (weight: number, ...words: string[]): Action => ({
  weight,
  make: random => ({ words: [...words, container(random)] }),
})

export const start = simple(6, 'start')
export const pause = simple(2, 'pause')
export const unpause = simple(3, 'unpause')
export const remove = simple(4, 'rm')

export const startAttached: Action = {
  weight: 2,
  make: random => ({ words: ['start', '-a', container(random)], lasts: true, speaksForContainer: true }),
}

export const stop: Action = {
  weight: 6,
  make: random => ({ words: ['stop', '-t', random.pick(['0', '1', '2']), container(random)] }),
}

export const restart: Action = {
  weight: 4,
  make: random => ({ words: ['restart', '-t', random.pick(['0', '1']), container(random)] }),
}

export const kill: Action = {
  weight: 4,
  make: random => ({ words: ['kill', '-s', random.pick(['KILL', 'TERM', 'USR1', 'HUP']), container(random)] }),
}

export const removeForced: Action = {
  weight: 10,
  make: random => ({ words: ['rm', '-f', ...random.pick([[], ['-v']]), container(random)] }),
}

export const rename: Action = {
  weight: 3,
  make: random => ({ words: ['rename', container(random), random.pick(containerNames)] }),
}

/** A limit that the kernel has without a controller. */
export const update: Action = {
  weight: 2,
  make: random => ({ words: ['update', '--cgroup-conf', 'cgroup.max.depth=5', container(random)] }),
}

export const exec: Action = {
  weight: 8,
  make: random => {
    const [text, lasts] = random.pick([
      ['echo in', false],
      ['exit 4', false],
      ['sleep 0.3', false],
      ['sleep 1000', true],
    ] as const)
    return { words: ['exec', container(random), 'sh', '-c', text], lasts, speaksForContainer: true }
  },
}

export const execDetached: Action = {
  weight: 3,
  make: random => ({ words: ['exec', '-d', container(random), 'sleep', random.pick(['0.2', '1000'])] }),
}
