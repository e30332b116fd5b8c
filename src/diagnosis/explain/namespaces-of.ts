/** The namespaces of a process, who else is in them, and who owns them: namespaces(7). */
import { closeSync, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { isUtsuwaError } from '../../errors.ts'
import { sys } from '../../sys/index.ts'
import { errnoOf } from '../../util/errno.ts'

export type NamespaceType = 'cgroup' | 'ipc' | 'mnt' | 'net' | 'pid' | 'time' | 'user' | 'uts'

/** A namespace that a process is in. */
export interface NamespaceUse {
  readonly type: NamespaceType
  /** Names it, with its type. */
  readonly inode: number
  /** The machine's own, into which it has booted. */
  readonly isHost: boolean
  /** This process is in it too. */
  readonly isOwn: boolean
  /** Inode of the user namespace that owns it, or that is the parent of a user namespace; undefined where that may not be known. */
  readonly owner: number | undefined
  /** All processes in it that can be seen, in order; threads that have left it are not. */
  readonly processes: readonly number[]
}

const TYPES: readonly NamespaceType[] = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts']

/** Empty for a process that has ended, or that may not be looked at. */
export function readNamespaces(pid: number): NamespaceUse[] {
  const members = membersByNamespace()
  return TYPES.flatMap(type => {
    const inode = inodeOf(pid, type)
    if (inode === undefined) return []
    return [
      {
        type,
        inode,
        isHost: inode === hostInode(type),
        isOwn: inode === inodeOf('self', type),
        owner: ownerOf(pid, type),
        processes: members.get(key(type, inode)) ?? [],
      },
    ]
  })
}

/** Numbers that the kernel gives its first namespaces: PROC_*_INIT_INO of linux/proc_ns.h; net and mnt since Linux 6.18. */
const INITIAL: Readonly<Record<NamespaceType, number>> = {
  ipc: 0xef_ff_ff_ff,
  uts: 0xef_ff_ff_fe,
  user: 0xef_ff_ff_fd,
  pid: 0xef_ff_ff_fc,
  cgroup: 0xef_ff_ff_fb,
  time: 0xef_ff_ff_fa,
  net: 0xef_ff_ff_f9,
  mnt: 0xef_ff_ff_f8,
}

/** That of PID 1, where this process is in the machine's PID namespace and may look at it. */
function hostInode(type: NamespaceType): number {
  const isOnHost = inodeOf('self', 'pid') === INITIAL.pid
  return (isOnHost ? inodeOf(1, type) : undefined) ?? INITIAL[type]
}

const key = (type: NamespaceType, inode: number): string => `${type}:${inode}`

function membersByNamespace(): Map<string, number[]> {
  const members = new Map<string, number[]>()
  for (const pid of readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number))
    for (const type of TYPES) {
      const inode = inodeOf(pid, type)
      if (inode === undefined) continue
      const list = members.get(key(type, inode))
      if (list === undefined) members.set(key(type, inode), [pid])
      else list.push(pid)
    }
  return members
}

/** `net:[4026531840]`; undefined when the process has ended, is a zombie, or is another user's. */
function inodeOf(pid: number | 'self', type: NamespaceType): number | undefined {
  try {
    const inode = /\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/${type}`))?.[1]
    return inode === undefined ? undefined : Number(inode)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

function ownerOf(pid: number, type: NamespaceType): number | undefined {
  let fd: number
  try {
    fd = openSync(`/proc/${pid}/ns/${type}`, 'r')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
  try {
    const owner = sys.ownerOfNamespace(fd)
    try {
      return fstatSync(owner).ino
    } finally {
      closeSync(owner)
    }
  } catch (error) {
    // EPERM: the owner is no descendant of this process's user namespace, as the initial one's parent never is.
    if (!isUtsuwaError(error)) throw error
    return undefined
  } finally {
    closeSync(fd)
  }
}
