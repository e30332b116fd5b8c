/** Containers come. */
import type { Random } from '../random.ts'
import type { World } from '../world.ts'
import { type Action, container, containerNames, networkNames, script, volumeNames } from './action.ts'

/** Several of these at once. */
const options: readonly ((random: Random) => string[])[] = [
  () => ['--init'],
  () => ['--read-only'],
  () => ['--ulimit', 'nofile=200:400'],
  () => ['--shm-size', '4m'],
  () => ['--tmpfs', '/scratch:size=1m'],
  () => ['--userns', 'auto'],
  () => ['-u', '1000:1000'],
  () => ['-e', 'A=b', '-l', 'soak=yes'],
  () => ['--log-opt', 'max-size=2k', '--log-opt', 'max-file=2'],
  () => ['-v', '/anonymous'],
  random => ['-v', `${random.pick(volumeNames)}:/data`],
  random => ['-p', `${24_000 + random.below(4)}:80`],
  () => ['-p', '80'],
]

function flags(random: Random): string[] {
  const networks = [...networkNames, 'none', 'host', 'bridge', 'bridge', `container:${container(random)}`]
  const network = random.pick(networks)
  const named = random.chance(0.7) ? ['--name', random.pick(containerNames)] : []
  const published = network === 'host' || network === 'none' || network.startsWith('container:')
  const chosen = random
    .some(options, 0.15)
    .map(option => option(random))
    .filter(([flag]) => !(published && flag === '-p'))
  return [...named, '--network', network, ...chosen.flat()]
}

/** Once in a while an image that has to be fetched first, or cannot be. */
const image = (random: Random, { images }: World): string =>
  random.chance(0.8) ? (images[0] ?? '') : random.pick(images)

const restart = (random: Random): string[] =>
  random.chance(0.4) ? ['--restart', random.pick(['always', 'on-failure:2', 'unless-stopped'])] : []

export const run: Action = {
  weight: 10,
  make: (random, world) => {
    const { text, lasts } = script(random)
    const remove = random.chance(0.7) ? ['--rm'] : []
    return {
      words: ['run', ...remove, ...flags(random), image(random, world), 'sh', '-c', text],
      lasts,
      speaksForContainer: true,
    }
  },
}

export const runDetached: Action = {
  weight: 16,
  make: (random, world) => ({
    words: ['run', '-d', ...restart(random), ...flags(random), image(random, world), 'sh', '-c', script(random).text],
  }),
}

export const create: Action = {
  weight: 4,
  make: (random, world) => ({
    words: ['create', ...restart(random), ...flags(random), image(random, world), 'sh', '-c', script(random).text],
  }),
}
