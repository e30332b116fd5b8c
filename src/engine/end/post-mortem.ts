/** What is known of a death only while the container's cgroup is still there, kept for `why`: `post-mortem.json`. */
import { join } from 'node:path'
import { readCgroupFile } from '../../cgroup/stats/read-file.ts'
import { type CgroupStats, readCgroupStats } from '../../cgroup/stats/stats.ts'
import { findCgroupDirectory } from '../../runtime/state/cgroup-directory.ts'
import { type ContainerRecord, containerDirectory } from '../../runtime/state/record.ts'
import { replaceFile } from '../../runtime/state/whole-files.ts'
import { errnoOf } from '../../util/errno.ts'
import { readIfThere } from '../../util/read-if-there.ts'
import { readKernelLog } from './kernel-log.ts'
import { type OomKill, oomIn } from './outcome.ts'

/** The last state of a container's cgroup, and what the kernel said of its processes. */
export interface PostMortem {
  /** RFC 3339, UTC: tells the death that it is about from an earlier one. */
  readonly finished: string
  /** Such as `SIGKILL`; undefined when the first process exited by itself. */
  readonly signal: string | undefined
  readonly oom: OomKill | undefined
  /** Absent without a cgroup. */
  readonly stats?: CgroupStats
  /** Files of limits, as the kernel prints them; absent are those of controllers that are not there. */
  readonly limits: KeptLimits
  readonly kernelLog: readonly string[]
}

/** Texts of `memory.max` and others, by file. */
export type KeptLimits = Readonly<Partial<Record<(typeof LIMIT_FILES)[number], string>>>

const LIMIT_FILES = ['memory.max', 'memory.high', 'memory.swap.max', 'pids.max', 'cpu.max'] as const
const FILE = 'post-mortem.json'
/** After these the kernel may have said why. */
const TELLING_SIGNALS = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS', 'SIGABRT'])
const MICROSECONDS_PER_TICK = 10_000

/** To be called after the end and before the cgroup is removed. @param finished RFC 3339 */
export function collectPostMortem(record: ContainerRecord, signal: string | undefined, finished: string): PostMortem {
  const directory = findCgroupDirectory(record)
  const stats = directory === undefined ? undefined : readCgroupStats(directory)
  const oom = oomIn(record, stats)
  const isTelling = oom !== undefined || (signal !== undefined && TELLING_SIGNALS.has(signal))
  return {
    finished,
    signal,
    oom,
    ...(stats && { stats }),
    limits: directory === undefined ? {} : readLimits(directory),
    // Read in such a case alone: it may be long.
    kernelLog: isTelling ? kernelLogOf(record) : [],
  }
}

export function readLimits(cgroupDirectory: string): KeptLimits {
  return Object.fromEntries(
    LIMIT_FILES.flatMap(file => {
      const text = readCgroupFile(join(cgroupDirectory, file))
      return text === undefined ? [] : [[file, text]]
    }),
  )
}

function kernelLogOf({ pid, pidStartTime, cgroup }: ContainerRecord): string[] {
  return readKernelLog({
    pid,
    cgroupPath: cgroup?.path,
    sinceMicroseconds: pidStartTime * MICROSECONDS_PER_TICK,
  })
}

/** Does its best: for want of room perhaps, it must not keep a container from ending. @param directory its own */
export function writePostMortem(directory: string, postMortem: PostMortem): void {
  try {
    replaceFile(join(directory, FILE), JSON.stringify(postMortem))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}

/** Of the last death that was seen; undefined when there was none, or nobody saw it. */
export function readPostMortem(stateRoot: string, id: string): PostMortem | undefined {
  const text = readIfThere(join(containerDirectory(stateRoot, id), FILE))
  return text === undefined ? undefined : (JSON.parse(text) as PostMortem)
}
