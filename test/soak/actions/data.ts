/** Images, files, volumes and networks. */
import { join } from 'node:path'
import { type Action, container, networkNames, volumeNames } from './action.ts'

export const pull: Action = {
  weight: 6,
  make: (random, { images }) => ({ words: ['pull', '--retry', '1', random.pick(images)] }),
}

export const removeImage: Action = {
  weight: 3,
  make: (random, { images }) => ({
    words: ['rmi', ...random.pick([[], ['-f']]), random.pick([...images.slice(1), 'loaded:1'])],
  }),
}

export const tag: Action = {
  weight: 1,
  make: (random, { images }) => ({ words: ['tag', random.pick(images), 'loaded:1'] }),
}

export const prune: Action = { weight: 2, make: () => ({ words: ['prune', '-f'] }) }

export const save: Action = {
  weight: 2,
  make: (random, { images }, scratch) => ({
    words: ['save', '-o', join(scratch, 'saved.tar'), random.pick([...images, 'loaded:1'])],
  }),
}

export const load: Action = {
  weight: 2,
  make: (_, __, scratch) => ({ words: ['load', '-q', '-i', join(scratch, 'saved.tar')] }),
}

export const exportRoot: Action = {
  weight: 2,
  make: (random, _, scratch) => ({ words: ['export', '-o', join(scratch, 'exported.tar'), container(random)] }),
}

export const importRoot: Action = {
  weight: 1,
  make: (_, __, scratch) => ({ words: ['import', join(scratch, 'exported.tar'), 'imported:1'] }),
}

export const copyIn: Action = {
  weight: 3,
  make: (random, _, scratch) => ({ words: ['cp', `${scratch}/.`, `${container(random)}:/tmp/copied`] }),
}

export const copyOut: Action = {
  weight: 3,
  make: (random, _, scratch) => ({ words: ['cp', `${container(random)}:/etc`, join(scratch, 'copy')] }),
}

export const createNetwork: Action = {
  weight: 3,
  make: random => ({ words: ['network', 'create', random.pick(networkNames)] }),
}

export const removeNetwork: Action = {
  weight: 2,
  make: random => ({ words: ['network', 'rm', random.pick(networkNames)] }),
}

export const pruneNetworks: Action = { weight: 1, make: () => ({ words: ['network', 'prune', '-f'] }) }

export const createVolume: Action = {
  weight: 2,
  make: random => ({ words: ['volume', 'create', random.pick(volumeNames)] }),
}

export const removeVolume: Action = {
  weight: 2,
  make: random => ({ words: ['volume', 'rm', random.pick(volumeNames)] }),
}

export const pruneVolumes: Action = { weight: 1, make: () => ({ words: ['volume', 'prune', '-f'] }) }
