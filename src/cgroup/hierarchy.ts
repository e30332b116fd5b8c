/** Where cgroup v2 is mounted, what else is, and where in it a container belongs. */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { UtsuwaError } from '../errors.ts'

export interface CgroupHierarchy {
  /**
   * `unified`: cgroup v2 alone. `hybrid`: v2 beside v1 hierarchies, which hold some or all controllers.
   * `legacy`: v1 alone. `none`: neither.
   */
  mode: 'unified' | 'hybrid' | 'legacy' | 'none'
  /** Host path where cgroup v2 is mounted; of several mounts the one that shows most, then the conventional one. */
  mountHostPath: string | undefined
  /** Controllers that a v1 hierarchy holds, and that v2 therefore cannot have. */
  v1Controllers: string[]
}

interface CgroupMount {
  fsType: 'cgroup' | 'cgroup2'
  root: string
  mountPoint: string
  superOptions: string[]
}

const CONVENTIONAL = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']

/** @param mountinfo text of /proc/self/mountinfo, see proc_pid_mountinfo(5) */
export function parseCgroupHierarchy(mountinfo: string): CgroupHierarchy {
  const mounts = visibleCgroupMounts(mountinfo)
  const v2 = mounts.filter(({ fsType }) => fsType === 'cgroup2').sort((a, b) => rank(a) - rank(b))
  const v1 = mounts.filter(({ fsType }) => fsType === 'cgroup')
  const v1Controllers = [...new Set(v1.flatMap(({ superOptions }) => superOptions.filter(isController)))].sort()
  const mode = v2.length > 0 ? (v1.length > 0 ? 'hybrid' : 'unified') : v1.length > 0 ? 'legacy' : 'none'
  return { mode, mountHostPath: v2[0]?.mountPoint, v1Controllers }
}

/** Each start reads it, and it is the same one nearly always. */
let latest: { readonly mountinfo: string; readonly hierarchy: CgroupHierarchy } | undefined

/** Reads the hierarchy that this process sees. */
export function readCgroupHierarchy(): CgroupHierarchy {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')
  if (latest?.mountinfo !== mountinfo) latest = { mountinfo, hierarchy: parseCgroupHierarchy(mountinfo) }
  return latest.hierarchy
}

function visibleCgroupMounts(mountinfo: string): CgroupMount[] {
  // of mounts on the same place only the last is visible
  const byMountPoint = new Map<string, CgroupMount | undefined>()
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ')
    if (before === undefined || after === undefined) continue
    const [, , , root, mountPoint] = before.split(' ')
    const [fsType, , superOptions = ''] = after.split(' ')
    const path = unescapeMountinfo(mountPoint!)
    const isCgroup = fsType === 'cgroup' || fsType === 'cgroup2'
    byMountPoint.delete(path)
    if (isCgroup) {
      byMountPoint.set(path, {
        fsType,
        root: unescapeMountinfo(root!),
        mountPoint: path,
        superOptions: superOptions.split(','),
      })
    }
  }
  return [...byMountPoint.values()].filter(mount => mount !== undefined)
}

function rank({ root, mountPoint }: CgroupMount): number {
  const convention = CONVENTIONAL.indexOf(mountPoint)
  return (root === '/' ? 0 : 10) + (convention === -1 ? CONVENTIONAL.length : convention)
}

const NOT_CONTROLLERS = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode', 'none', ''])

function isController(option: string): boolean {
  return !NOT_CONTROLLERS.has(option) && !option.includes('=')
}

/** Space, tab, newline and backslash stand there in octal. */
function unescapeMountinfo(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/**
 * The cgroup v2 of a process.
 *
 * @param procCgroup text of /proc/PID/cgroup
 * @returns its path below the mount, undefined where v2 is not in use
 */
export function parseOwnCgroup(procCgroup: string): string | undefined {
  return /^0::(\/.*)$/m.exec(procCgroup)?.[1]
}

/** @returns path below the cgroup v2 mount; undefined where v2 is not in use */
export function readOwnCgroup(): string | undefined {
  return parseOwnCgroup(readFileSync('/proc/self/cgroup', 'utf8'))
}

/**
 * Controllers that the children of a cgroup can be given.
 *
 * @param directoryHostPath of an existing cgroup
 * @throws UtsuwaError CGROUP_ERROR when it cannot be read
 */
export function readControllers(directoryHostPath: string): string[] {
  const path = posix.join(directoryHostPath, 'cgroup.controllers')
  try {
    return readFileSync(path, 'utf8').split(/\s+/).filter(Boolean)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UtsuwaError('CGROUP_ERROR', reason, { operation: 'read cgroup controllers', path, cause })
  }
}

export interface CgroupPlace {
  /** `linux.cgroupsPath` of the runtime spec; an empty one counts as absent. */
  cgroupsPath: string | undefined
  /** Id of the container. */
  id: string
  /** Cgroup of the caller, below the mount. */
  ownCgroup: string
}

/**
 * Where the cgroup of a container belongs, by the conventions of runc's cgroupfs driver: an absolute `cgroupsPath` is
 * below the mount; a relative one, or the id when there is none, is beside the caller's own cgroup. Not inside it,
 * because a cgroup with processes cannot hand controllers to children ("no internal processes").
 *
 * @returns an absolute path below the cgroup v2 mount, never the root
 * @throws UtsuwaError INVALID_SPEC for a path that leads out or to the root
 */
export function containerCgroupPath({ cgroupsPath, id, ownCgroup }: CgroupPlace): string {
  const wanted = cgroupsPath || id
  const path = wanted.startsWith('/')
    ? posix.normalize(wanted)
    : posix.join(posix.dirname(posix.normalize(ownCgroup)), wanted)
  if (wanted.split('/').includes('..') || path === '/') {
    throw new UtsuwaError('INVALID_SPEC', `cgroupsPath ${wanted} does not name a cgroup of its own`, {
      configPointer: '/linux/cgroupsPath',
    })
  }
  return path.replace(/\/$/, '')
}
