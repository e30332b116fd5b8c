/** What a process may do: the short form of /proc/PID/status, proc_pid_status(5). */

import { readIfAny } from '../../runtime/state/status.ts'
import { CAPABILITIES } from '../../spec/capabilities.ts'

export interface Privileges {
  /** Effective. */
  readonly uid: number
  readonly gid: number
  /** Effective, such as `CAP_CHOWN`. */
  readonly capabilities: readonly string[]
  /** All that this kernel has. */
  readonly hasAllCapabilities: boolean
  readonly seccomp: 'none' | 'strict' | 'filter'
  readonly noNewPrivileges: boolean
  /** Lines of uid_map: inside, outside, length. */
  readonly uidMap: readonly string[]
  readonly gidMap: readonly string[]
}

const SECCOMP_MODES = ['none', 'strict', 'filter'] as const

/** Undefined when it has ended. */
export function readPrivileges(pid: number): Privileges | undefined {
  const status = readIfAny(`/proc/${pid}/status`)
  if (status === undefined) return undefined
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? ''
  const mask = BigInt(`0x${field('CapEff') || '0'}`)
  const last = Number(readIfAny('/proc/sys/kernel/cap_last_cap') ?? CAPABILITIES.length - 1)
  const all = (1n << BigInt(last + 1)) - 1n
  return {
    uid: Number(field('Uid').split('\t')[1]),
    gid: Number(field('Gid').split('\t')[1]),
    capabilities: CAPABILITIES.filter((_, bit) => (mask >> BigInt(bit)) & 1n),
    hasAllCapabilities: (mask & all) === all,
    seccomp: SECCOMP_MODES[Number(field('Seccomp'))] ?? 'none',
    noNewPrivileges: field('NoNewPrivs') === '1',
    uidMap: readMap(pid, 'uid_map'),
    gidMap: readMap(pid, 'gid_map'),
  }
}

function readMap(pid: number, file: 'uid_map' | 'gid_map'): string[] {
  const text = readIfAny(`/proc/${pid}/${file}`) ?? ''
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => line.trim().replace(/\s+/g, ' '))
}
