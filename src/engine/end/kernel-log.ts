/** What the kernel has said of a container's processes: lines of /dev/kmsg (Documentation/ABI/testing/dev-kmsg). */
import { closeSync, openSync, readSync } from 'node:fs'
import { constants } from '../../sys/index.ts'
import { errnoOf, isErrno } from '../../util/errno.ts'

/** More than the longest record has. */
const RECORD_SIZE = 8192
const MAX_LINES = 8
const MAX_LENGTH = 400

export interface KernelLogQuery {
  /** Of a process, in the machine's PID namespace. */
  readonly pid: number
  /** Below the cgroup v2 mount; undefined where the container had none of its own. */
  readonly cgroupPath: string | undefined
  /** Nothing that was said before, in microseconds since boot: the number may have been another process's. */
  readonly sinceMicroseconds: number
}

/** The last lines about a container; none where the log may not be read. */
export function readKernelLog(query: KernelLogQuery): string[] {
  return selectKernelLines(readRecords(), query)
}

/** @param records of the form `priority,sequence,microseconds,flags;text` */
export function selectKernelLines(
  records: readonly string[],
  { pid, cgroupPath, sinceMicroseconds }: KernelLogQuery,
): string[] {
  // A process that the kernel kills for lack of memory is named on the line behind that which names its cgroup.
  const pids = new Set([String(pid)])
  const lines = records.flatMap(record => {
    const end = record.indexOf(';')
    const text = record.slice(end + 1).split('\n', 1)[0]!
    if (Number(record.slice(0, end).split(',')[2]) < sinceMicroseconds) return []
    const victim = victimIn(text, cgroupPath)
    if (victim !== undefined) pids.add(victim)
    const isOurs = victim !== undefined || mentionedPids(text).some(each => pids.has(each))
    return isOurs ? [text.slice(0, MAX_LENGTH)] : []
  })
  return lines.slice(-MAX_LINES)
}

/** `oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/a,task_memcg=/a/b,task=tail,pid=7,uid=0` */
function victimIn(text: string, cgroupPath: string | undefined): string | undefined {
  const [, cgroup, pid] = /^oom-kill:.*task_memcg=([^,]*),.*pid=(\d+)/.exec(text) ?? []
  const isBelow = cgroupPath !== undefined && (cgroup === cgroupPath || cgroup?.startsWith(`${cgroupPath}/`))
  return isBelow ? pid : undefined
}

/** `comm[7]: segfault at …`, `traps: comm[7] trap …`, `audit: … pid=7 …`, `Killed process 7 (comm) …` */
function mentionedPids(text: string): string[] {
  return [
    ...text.matchAll(/\w\[(\d+)\]:? (?:segfault|trap|general protection)|\bpid=(\d+)\b|Killed process (\d+)/g),
  ].map(([, a, b, c]) => (a ?? b ?? c)!)
}

function readRecords(): string[] {
  let fd: number
  try {
    fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    // No such device, or no permission: then there is less to tell.
    if (errnoOf(error) !== undefined) return []
    throw error
  }
  try {
    const buffer = Buffer.allocUnsafe(RECORD_SIZE)
    for (const records: string[] = []; ; ) {
      const record = readRecord(fd, buffer)
      if (record === undefined) return records
      records.push(record)
    }
  } finally {
    closeSync(fd)
  }
}

/** Undefined at the end. */
function readRecord(fd: number, buffer: Buffer): string | undefined {
  for (;;) {
    try {
      return buffer.toString('utf8', 0, readSync(fd, buffer))
    } catch (error) {
      // EPIPE: the record was overwritten meanwhile, and the next read gives the oldest that is there.
      if (!isErrno(error, 'EPIPE')) return undefined
    }
  }
}
