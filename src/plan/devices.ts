/** config-linux.md, "Devices" and "Default Devices", and the links of /dev. */
import { resolve } from 'node:path/posix'
import type { LinuxDevice, RuntimeSpec } from '../spec/runtime.ts'
import type { Namespaces } from './namespaces.ts'
import type { Operation, OperationOf } from './ops.ts'

interface Device extends LinuxDevice {
  pointer: string
}

const defaultDevices: readonly LinuxDevice[] = [
  { path: '/dev/null', type: 'c', major: 1, minor: 3 },
  { path: '/dev/zero', type: 'c', major: 1, minor: 5 },
  { path: '/dev/full', type: 'c', major: 1, minor: 7 },
  { path: '/dev/random', type: 'c', major: 1, minor: 8 },
  { path: '/dev/urandom', type: 'c', major: 1, minor: 9 },
  { path: '/dev/tty', type: 'c', major: 5, minor: 0 },
]

const links: readonly (readonly [string, string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
]

const fileTypes = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const
const DEFAULT_MODE = 0o666

/** Nothing is made in a /dev that is bound from the host: it is the host's. */
export function compileDevices(spec: RuntimeSpec, namespaces: Namespaces): Operation[] {
  const byPath = new Map<string, Device>()
  for (const device of defaultDevices) byPath.set(device.path, { ...device, pointer: '' })
  for (const [index, device] of (spec.linux?.devices ?? []).entries()) {
    const path = resolve('/', device.path)
    byPath.set(path, { ...device, path, pointer: `/linux/devices/${index}` })
  }
  const operations = [
    ...[...byPath.values()].map(device => compileDevice(device, namespaces.has('user'))),
    ...links.map(([target, path]) => ({ op: 'make_symlink' as const, target, path, pointer: '' })),
  ]
  return hasBoundDev(spec) ? operations.filter(({ path }) => !path.startsWith('/dev/')) : operations
}

function compileDevice(device: Device, inUserNamespace: boolean): OperationOf<'bind_device' | 'make_device'> {
  const { path, type, pointer } = device
  // mknod(2) of a device is refused in a user namespace, whatever the capabilities.
  if (inUserNamespace && type !== 'p') {
    const { major = 0, minor = 0 } = device
    return { op: 'bind_device', source: path, path, type: fileTypes[type], major, minor, pointer }
  }
  return {
    op: 'make_device',
    path,
    mode: fileTypes[type] | (device.fileMode ?? DEFAULT_MODE),
    major: device.major ?? 0,
    minor: device.minor ?? 0,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
    pointer,
  }
}

export function hasBoundDev({ mounts = [] }: RuntimeSpec): boolean {
  return mounts.some(
    ({ destination, type, options = [] }) =>
      resolve('/', destination) === '/dev' &&
      (type === 'bind' || options.includes('bind') || options.includes('rbind')),
  )
}
