/** How a container ended and what it used, as its cgroup still knows it. */
import { outOfMemoryAbove } from '../../cgroup/levels.ts'
import { type CgroupStats, readCgroupStats } from '../../cgroup/stats/stats.ts'
import { findCgroupDirectory } from '../../runtime/state/cgroup-directory.ts'
import type { ContainerRecord } from '../../runtime/state/record.ts'
import type { ProcessExit } from '../../sys/index.ts'
import { exitStatus } from '../../util/exit-status.ts'
import { signalName } from '../../util/how-ended.ts'

/** That the kernel killed in a container for lack of memory. */
export interface OomKill {
  /** `container`: a limit of the container itself or of a cgroup below it; `ancestor`: one above, or the machine's. */
  readonly level: 'container' | 'ancestor'
  /** Processes of the container that the kernel killed. */
  readonly kills: number
  /** Of `ancestor`: path of the cgroup whose memory.max was hit; undefined when the machine's memory was used up. */
  readonly cgroup?: string
}

/** What a container used in its whole life. */
export interface Usage {
  /** CPU time of all processes, outside of the kernel. */
  readonly cpuUserMicroseconds: number
  /** The same within the kernel. */
  readonly cpuSystemMicroseconds: number
  /** Highest use of memory, kernel memory included; undefined without the controller or before Linux 5.19. */
  readonly memoryPeakBytes: number | undefined
  /** Most processes and threads at once; undefined without the controller or before Linux 6.1. */
  readonly pidsPeak: number | undefined
  /** From all block devices together; undefined without the controller. */
  readonly ioReadBytes: number | undefined
  /** The same for what was written. */
  readonly ioWrittenBytes: number | undefined
  /** Periods in which cpu.max held the container back; undefined without the controller. */
  readonly cpuThrottledPeriods: number | undefined
  /** For how long it did. */
  readonly cpuThrottledMicroseconds: number | undefined
}

/** How the first process ended. */
export interface Outcome {
  /** The command's exit status, or 128 + the signal that ended it, as a shell has it. */
  readonly exitCode: number
  /** Such as `SIGKILL`; undefined when it exited by itself. */
  readonly signal: string | undefined
  /** Undefined when the kernel killed no process for lack of memory. */
  readonly oom: OomKill | undefined
  readonly usage: Usage
}

/** To be called after the end and before the cgroup is removed. */
export function outcomeOf(record: ContainerRecord, exit: ProcessExit): Outcome {
  const directory = findCgroupDirectory(record)
  const stats = directory === undefined ? undefined : readCgroupStats(directory)
  return {
    exitCode: exitStatus(exit),
    signal: exit.signal === undefined ? undefined : signalName(exit.signal),
    oom: oomIn(record, stats),
    usage: usageOf(stats, exit),
  }
}

/** memory.events (cgroup-v2, "Memory Interface Files"): `oom` counts limits hit here and below, `oom_kill` victims. */
export function oomIn(record: ContainerRecord, stats: CgroupStats | undefined): OomKill | undefined {
  const events = stats?.memory?.events
  if (events === undefined || events.oomKill === 0) return undefined
  const kills = events.oomKill
  if (events.oom > 0) return { level: 'container', kills }
  const cgroup = limitAbove(record)
  return { level: 'ancestor', kills, ...(cgroup === undefined ? {} : { cgroup }) }
}

/** The lowest cgroup above the container's that has been out of memory by its own limit since the container was made. */
function limitAbove({ cgroup, outOfMemoryAbove: before = {} }: ContainerRecord): string | undefined {
  if (cgroup === undefined) return undefined
  const now = Object.entries(outOfMemoryAbove(cgroup.mount, cgroup.path))
  return now.findLast(([path, count]) => count > (before[path] ?? 0))?.[0]
}

function usageOf(stats: CgroupStats | undefined, exit: ProcessExit): Usage {
  return {
    cpuUserMicroseconds: stats?.cpu?.userUsec ?? exit.userMicroseconds,
    cpuSystemMicroseconds: stats?.cpu?.systemUsec ?? exit.systemMicroseconds,
    memoryPeakBytes: stats?.memory?.peakBytes,
    pidsPeak: stats?.pids?.peak,
    ioReadBytes: sum(stats?.io?.map(device => device.readBytes)),
    ioWrittenBytes: sum(stats?.io?.map(device => device.writtenBytes)),
    cpuThrottledPeriods: stats?.cpu?.throttledPeriods,
    cpuThrottledMicroseconds: stats?.cpu?.throttledUsec,
  }
}

function sum(numbers: readonly number[] | undefined): number | undefined {
  return numbers?.reduce((total, each) => total + each, 0)
}
