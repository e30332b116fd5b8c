import { isAbsolute, posix } from 'node:path'
import type { Mount } from '../spec/runtime.ts'
import { parseBytes } from './bytes.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

/** Bytes. */
const DEFAULT_SHM_SIZE = 64 * 1024 * 1024

/**
 * The mounts of a container: those that every Linux program expects, then tmpfs, volumes and further mounts in the
 * order of their destinations' depth, so that none hides one below it.
 *
 * @throws UtsuwaError INVALID_ARGUMENT
 */
export function mounts(options: ContainerOptions): Mount[] {
  const own = [
    ...(options.tmpfs ?? []).map(parseTmpfs),
    ...(options.volumes ?? []).map(parseVolume),
    ...(options.mounts ?? []).map(({ options: mountOptions, ...mount }) => ({
      ...mount,
      ...(mountOptions && { options: [...mountOptions] }),
    })),
  ]
  const destinations = new Set<string>()
  for (const { destination } of own) {
    if (destinations.has(destination)) throw invalidOption('--volume', `${destination} is mounted twice`)
    destinations.add(destination)
  }
  const defaults = defaultMounts(options).filter(({ destination }) => !destinations.has(destination))
  return [...defaults, ...own.toSorted((a, b) => depth(a.destination) - depth(b.destination))]
}

function depth(path: string): number {
  return path.split('/').filter(Boolean).length
}

function defaultMounts({ privileged = false, shmSize = DEFAULT_SHM_SIZE }: ContainerOptions): Mount[] {
  const access = privileged ? 'rw' : 'ro'
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${parseBytes(shmSize, '--shm-size')}`],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', access],
    },
  ]
}

/** `/run:size=64m,mode=755` */
function parseTmpfs(text: string): Mount {
  const colon = text.indexOf(':')
  const [path, given] = colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
  return {
    destination: containerPath(path, '--tmpfs'),
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', 'noexec', ...given.split(',').filter(Boolean)],
  }
}

const PROPAGATION = new Set(['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate'])

/** Flags that users may want for a bind mount beside access and propagation. */
const BIND_FLAGS = new Set(['nosuid', 'suid', 'nodev', 'dev', 'noexec', 'exec'])

/** `host:container[:options]` */
function parseVolume(text: string): Mount {
  const [source, destination, given = '', ...rest] = text.split(':')
  if (!source || !destination || rest.length > 0) {
    throw invalidOption('--volume', `${JSON.stringify(text)} is not host-directory:container-directory[:options]`)
  }
  if (!isAbsolute(source)) {
    throw invalidOption(
      '--volume',
      `${JSON.stringify(source)} is not an absolute path, and utsuwa does not have named volumes yet`,
      `for a directory of the host write "$PWD/${source}:${destination}"`,
    )
  }
  const words = given.split(',').filter(Boolean)
  const unknown = words.find(word => !isVolumeOption(word))
  if (unknown !== undefined) throw invalidOption('--volume', `unknown option ${JSON.stringify(unknown)}`)
  const access = words.includes('ro') ? 'ro' : 'rw'
  if (access === 'ro' && words.includes('rw')) throw invalidOption('--volume', 'ro and rw exclude each other')
  const propagation = words.filter(word => PROPAGATION.has(word))
  return {
    destination: containerPath(destination, '--volume'),
    type: 'bind',
    source,
    options: [
      words.includes('bind') ? 'bind' : 'rbind',
      ...(propagation.length > 0 ? propagation : ['rprivate']),
      access,
      ...words.filter(word => BIND_FLAGS.has(word)),
    ],
  }
}

/** z and Z ask for SELinux labels, which a host without SELinux need not set; docker ignores them there, too. */
function isVolumeOption(word: string): boolean {
  return ['ro', 'rw', 'z', 'Z', 'rbind', 'bind'].includes(word) || PROPAGATION.has(word) || BIND_FLAGS.has(word)
}

function containerPath(path: string, option: string): string {
  if (!path.startsWith('/')) throw invalidOption(option, `${JSON.stringify(path)} is not an absolute path`)
  const normalized = posix.normalize(path).replace(/(?<=.)\/$/, '')
  if (normalized === '/') throw invalidOption(option, 'cannot replace the root of the container')
  return normalized
}
