import type { Mount } from '../spec/runtime.ts'
import { parseBytes } from './bytes.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions, ImageRunConfig, MountOption } from './options.ts'
import { checkVolumeName, containerPath, imageVolumes, parseVolume, VOLUME } from './volumes.ts'

/** Bytes. */
const DEFAULT_SHM_SIZE = 64 * 1024 * 1024

/**
 * The mounts of a container: those that every Linux program expects, then tmpfs, volumes and further mounts in the
 * order of their destinations' depth, so that none hides one below it. Volumes are of the type `volume` here.
 *
 * @throws UtsuwaError INVALID_ARGUMENT; LIMIT_EXCEEDED for an image with many volumes
 */
export function mounts(options: ContainerOptions, imageConfig: ImageRunConfig): Mount[] {
  const asked = [
    ...(options.tmpfs ?? []).map(parseTmpfs),
    ...(options.volumes ?? []).map(parseVolume),
    ...(options.mounts ?? []).map(furtherMount),
  ]
  const destinations = new Set<string>()
  for (const { destination } of asked) {
    if (destinations.has(destination)) throw invalidOption('--volume', `${destination} is mounted twice`)
    destinations.add(destination)
  }
  const defaults = defaultMounts(options).filter(({ destination }) => !destinations.has(destination))
  for (const { destination } of defaults) destinations.add(destination)
  // The caller's word counts more than the image's, and the image has none about what every container has.
  const own = [...asked, ...imageVolumes(imageConfig).filter(({ destination }) => !destinations.has(destination))]
  return [...defaults, ...own.toSorted((a, b) => depth(a.destination) - depth(b.destination))]
}

/** Those of a container that volumes are needed for. */
export function volumeMounts(options: ContainerOptions, imageConfig: ImageRunConfig): Mount[] {
  const { volumes = [], mounts: further = [] } = options
  // Most containers have none.
  if (volumes.length === 0 && further.length === 0 && imageConfig.Volumes === undefined) return []
  return mounts(options, imageConfig).filter(({ type }) => type === VOLUME)
}

function furtherMount({ options, ...mount }: MountOption): Mount {
  if (mount.type === VOLUME && mount.source !== undefined) checkVolumeName(mount.source, '--mount')
  return {
    ...mount,
    destination: mount.type === VOLUME ? containerPath(mount.destination, '--mount') : mount.destination,
    ...(options && { options: [...options] }),
  }
}

function depth(path: string): number {
  return path.split('/').filter(Boolean).length
}

function defaultMounts(options: ContainerOptions): Mount[] {
  const { privileged = false } = options
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
    ...shmMount(options),
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

/** POSIX shared memory belongs to the IPC namespace, though it is but files. */
function shmMount({ ipc = 'private', shmSize = DEFAULT_SHM_SIZE }: ContainerOptions): Mount[] {
  const flags = ['nosuid', 'noexec', 'nodev']
  if (ipc === 'none') return []
  if (ipc === 'host')
    return [{ destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['bind', ...flags] }]
  const size = `size=${parseBytes(shmSize, '--shm-size')}`
  return [{ destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...flags, 'mode=1777', size] }]
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
