/** config.md, "Mounts": each entry becomes one operation on a container path. */
import { resolve } from 'node:path/posix'
import { UtsuwaError } from '../errors.ts'
import type { Mount, RuntimeSpec } from '../spec/runtime.ts'
import type { CompileInput, DescriptorName } from './compile.ts'
import { clearedByRemount, type MountOptions, mountAttributes, parseMountOptions } from './mount-options.ts'
import type { Namespaces } from './namespaces.ts'
import type { Operation, OperationOf } from './ops.ts'

/** Files of procfs that lxcfs and its like replace, which cannot harm (CVE-2019-16884 is about all others). */
const harmlessInProc = new Set([
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/meminfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/uptime',
  '/proc/loadavg',
  '/proc/slabinfo',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/sys/crypto/fips_enabled',
])

/** @param fd number of a descriptor in init; −1 where init has none of that name */
export function compileMounts(
  input: CompileInput,
  namespaces: Namespaces,
  fd: (name: DescriptorName) => number,
): Operation[] {
  return (input.spec.mounts ?? []).map((mount, index) =>
    compileMount(mount, `/mounts/${index}`, input, namespaces, fd(`mount/${index}`)),
  )
}

/** config.md, "Mounts": by an option, or by mappings of its own. */
export function isIdMapped({ options = [], uidMappings }: Mount): boolean {
  return uidMappings !== undefined || options.includes('idmap') || options.includes('ridmap')
}

/**
 * Whether the source is opened before the launch: to map its ids, or because root of a user namespace may be kept from
 * the way to it. What lies in the container's root is left to init: earlier mounts may be part of it.
 */
export function isOpenedByLauncher(mount: Mount, { spec, host, bundlePath }: CompileInput): boolean {
  if (isIdMapped(mount)) return true
  const inUserNamespace = spec.linux?.namespaces?.some(({ type }) => type === 'user') ?? false
  const privileged = host.caller === undefined
  if (!inUserNamespace || !privileged || !mount.source) return false
  const { bind, remount } = parseMountOptions(mount.options)
  if (remount || !(bind || mount.type === 'bind')) return false
  const root = resolve(bundlePath, spec.root?.path ?? '')
  return !`${resolve(bundlePath, mount.source)}/`.startsWith(`${root}/`)
}

function compileMount(
  mount: Mount,
  pointer: string,
  input: CompileInput,
  namespaces: Namespaces,
  treeFd: number,
): Operation {
  const options = parseMountOptions(mount.options)
  const destination = resolve('/', mount.destination)
  if (options.remount) return remount(destination, options, pointer)
  if (options.bind || mount.type === 'bind') return compileBind(mount, destination, options, pointer, input, treeFd)
  if (treeFd >= 0) throw unsupported('an id-mapped mount that is no bind', pointer)
  if (mount.type === 'cgroup' || mount.type === 'cgroup2')
    return compileCgroupMount(mount, destination, options, pointer, input, namespaces)
  if (!mount.type)
    throw new UtsuwaError('INVALID_SPEC', 'type must be given unless options has bind or rbind', {
      configPointer: pointer,
    })
  return newFileSystem(
    mount.type,
    mount.source ?? mount.type,
    destination,
    withLabel(isSealedLate(mount, options) ? writable(options) : options, mount.type, input),
    pointer,
  )
}

/**
 * A tmpfs that is to be read-only, what gets a copy, and /dev whatever it is, are filled first: later mounts, devices and
 * links need places in them.
 */
function isSealedLate({ type, destination }: Mount, options: MountOptions): boolean {
  const readonly = ((options.set | options.setRecursive) & mountAttributes.MOUNT_ATTR_RDONLY) !== 0
  const isFilled = type === 'tmpfs' || options.copyUp || resolve('/', destination) === '/dev'
  return readonly && isFilled && !options.bind && !options.remount
}

function writable(options: MountOptions): MountOptions {
  const others = ~mountAttributes.MOUNT_ATTR_RDONLY
  return { ...options, set: options.set & others, setRecursive: options.setRecursive & others }
}

/** Once everything is in them. */
export function sealMounts({ mounts = [] }: RuntimeSpec): Operation[] {
  return mounts.flatMap((mount, index): Operation[] => {
    if (!isSealedLate(mount, parseMountOptions(mount.options))) return []
    const destination = resolve('/', mount.destination)
    return [
      { ...noRemount, destination, setAttributes: mountAttributes.MOUNT_ATTR_RDONLY, pointer: `/mounts/${index}` },
    ]
  })
}

const noRemount = {
  op: 'remount_at',
  fileSystem: 0,
  options: [],
  clearAttributes: 0,
  setRecursiveAttributes: 0,
  clearRecursiveAttributes: 0,
  propagation: 0,
} as const

/** SELinux labels what a new file system holds by its option `context`; these have labels of the kernel's own. */
const selfLabelled = new Set(['proc', 'sysfs', 'mqueue'])

function withLabel(options: MountOptions, type: string, { spec }: CompileInput): MountOptions {
  const label = spec.linux?.mountLabel
  if (!label || selfLabelled.has(type)) return options
  return { ...options, data: [...options.data, `context=${label}`] }
}

function newFileSystem(
  type: string,
  source: string,
  destination: string,
  options: MountOptions,
  pointer: string,
): OperationOf<'mount_at'> {
  return {
    op: 'mount_at',
    type,
    source,
    destination,
    options: options.data,
    attributes: options.set | options.setRecursive,
    propagation: options.propagation,
    // A link in the image must not move the kernel's own file systems elsewhere (CVE-2019-19921).
    symlinks: type === 'proc' || type === 'sysfs' ? 'refuse' : 'follow',
    copyUp: options.copyUp ? 1 : 0,
    pointer,
  }
}

function compileBind(
  mount: Mount,
  destination: string,
  options: MountOptions,
  pointer: string,
  { bundlePath }: CompileInput,
  treeFd: number,
): OperationOf<'bind_at'> {
  if (!mount.source)
    throw new UtsuwaError('INVALID_SPEC', 'source must be given for a bind mount', { configPointer: pointer })
  return bind(resolve(bundlePath, mount.source), destination, options, pointer, treeFd)
}

function bind(
  source: string,
  destination: string,
  options: MountOptions,
  pointer: string,
  treeFd = -1,
): OperationOf<'bind_at'> {
  return {
    op: 'bind_at',
    source,
    destination,
    // `bind` alone is not recursive, and neither is a type of `bind` without an option that says so.
    recursive: options.recursiveBind ? 1 : 0,
    setAttributes: options.set,
    clearAttributes: options.clear,
    setRecursiveAttributes: options.setRecursive,
    clearRecursiveAttributes: options.clearRecursive,
    propagation: options.propagation,
    treeFd,
    symlinks: 'follow',
    insideProc: harmlessInProc.has(destination) ? 'allow' : 'refuse',
    pointer,
  }
}

/** mount(8), "remount": with `bind` of the mount alone, otherwise of its file system too. Source and type mean nothing. */
function remount(destination: string, options: MountOptions, pointer: string): OperationOf<'remount_at'> {
  const readonly = (options.set & mountAttributes.MOUNT_ATTR_RDONLY) !== 0
  return {
    op: 'remount_at',
    destination,
    fileSystem: options.bind ? 0 : 1,
    options: options.bind ? [] : [readonly ? 'ro' : 'rw', 'async', 'nolazytime', ...options.data],
    setAttributes: options.set,
    clearAttributes: clearedByRemount(options),
    setRecursiveAttributes: options.setRecursive,
    clearRecursiveAttributes: options.clearRecursive,
    propagation: options.propagation,
    pointer,
  }
}

/**
 * `cgroup` means the version that the host has. With a cgroup namespace the container sees its own cgroup as the root;
 * without one the host's mount is bound: a new mount of cgroup2 would show the same, and take 10 ms longer.
 */
function compileCgroupMount(
  mount: Mount,
  destination: string,
  options: MountOptions,
  pointer: string,
  { host }: CompileInput,
  namespaces: Namespaces,
): Operation {
  if (namespaces.has('cgroup')) return newFileSystem('cgroup2', mount.source ?? 'cgroup', destination, options, pointer)
  if (host.cgroupMount === undefined)
    throw new UtsuwaError('CGROUP_ERROR', 'the host has no cgroup v2 hierarchy to mount', { configPointer: pointer })
  return bind(host.cgroupMount, destination, options, pointer)
}

function unsupported(what: string, configPointer: string): UtsuwaError {
  return new UtsuwaError('UNSUPPORTED', `${what} is not supported`, { configPointer })
}
