/** What state a container is in, as the kernel tells it. */
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../../util/errno.ts'
import { type ContainerRecord, isLocked } from './record.ts'

/** runtime.md, "State", and `paused` as runc has it. */
export type ContainerStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped'

/** The executable of native init, as /proc/PID/exe shows a memfd. */
const INIT_EXECUTABLE = '/memfd:utsuwa-init'

export function containerStatus(stateRoot: string, record: ContainerRecord): ContainerStatus {
  if (record.phase === 'creating') return isLocked(stateRoot, record.id) ? 'creating' : 'stopped'
  if (!isAlive(record)) return 'stopped'
  if (isFrozen(record)) return 'paused'
  const executed = hasExecuted(record.pid)
  // What the link said is about the container's process only if that is still there.
  if (executed === undefined || !isAlive(record)) return 'stopped'
  return executed ? 'running' : 'created'
}

/** True while the container's first process lives. A zombie has ended, whoever has yet to wait for it. */
export function isAlive({ pid, pidStartTime }: Pick<ContainerRecord, 'pid' | 'pidStartTime'>): boolean {
  const process = readProcessStat(pid)
  return process !== undefined && process.startTime === pidStartTime && process.state !== 'Z' && process.state !== 'X'
}

export interface ProcessStat {
  /** `R`, `S`, `D`, `Z`, … as in proc_pid_stat(5). */
  readonly state: string
  /** 0 for what the kernel has started. */
  readonly parent: number
  /** Clock ticks since boot. */
  readonly startTime: number
}

/** Undefined when there is no such process. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  if (pid <= 0) return undefined
  const text = readIfAny(`/proc/${pid}/stat`)
  // The command's name may hold anything, parentheses too; the last one ends it.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined) return undefined
  return { state: fields[0]!, parent: Number(fields[1]), startTime: Number(fields[19]) }
}

/** Whether it executes something else than init; undefined when it is gone, or so far gone that it executes nothing. */
function hasExecuted(pid: number): boolean | undefined {
  try {
    return !readlinkSync(`/proc/${pid}/exe`).startsWith(INIT_EXECUTABLE)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    if (isErrno(error, 'EACCES')) return true
    throw error
  }
}

function isFrozen({ cgroup }: ContainerRecord): boolean {
  return cgroup !== undefined && readIfAny(join(cgroup.mount, cgroup.path, 'cgroup.freeze')) === '1\n'
}

/** CapPrm of a process, as a mask; 0 when it has ended. */
export function permittedCapabilities(pid: number | 'self'): bigint {
  const text = readIfAny(`/proc/${pid}/status`) ?? ''
  return BigInt(`0x${/^CapPrm:\s*(\S+)$/m.exec(text)?.[1] ?? '0'}`)
}

/** The number that a process has in its own PID namespace; 0 when it has ended. */
export function pidInNamespace(pid: number): number {
  const text = readIfAny(`/proc/${pid}/status`) ?? ''
  return Number(/^NSpid:.*?(\d+)$/m.exec(text)?.[1] ?? 0)
}

/** The text of a file of /proc or of a cgroup; undefined when what it is about has gone. */
export function readIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH') || isErrno(error, 'ENODEV')) return undefined
    throw error
  }
}
