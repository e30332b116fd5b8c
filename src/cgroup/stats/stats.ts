/** What a cgroup v2 tells of its use: parsers of the text, and a reader of a cgroup's directory. */
import { join } from 'node:path'
import { withoutUndefined } from '../../util/without-undefined.ts'
import { readCgroupFile } from './read-file.ts'

/** Counters of memory.events: how often each bound was hit. */
export interface MemoryEvents {
  low: number
  high: number
  max: number
  /** Allocations that failed at the limit, whether or not something was killed. */
  oom: number
  /** Processes killed by the OOM killer. */
  oomKill: number
  oomGroupKill: number
}

/** Microseconds, except for the counts. */
export interface CpuStats {
  usageUsec: number
  userUsec: number
  systemUsec: number
  /** Periods in which something ran under `cpu.max`, and those that ended in throttling. */
  periods: number
  throttledPeriods: number
  throttledUsec: number
  bursts: number
  burstUsec: number
}

/** What went to and came from a block device (cgroup-v2, "IO Interface Files"). */
export interface IoDeviceStats {
  major: number
  minor: number
  readBytes: number
  writtenBytes: number
  reads: number
  writes: number
}

/** Share of time in percent over the last 10, 60 and 300 seconds, and the total since the cgroup was made. */
export interface PressureLine {
  avg10: number
  avg60: number
  avg300: number
  totalUsec: number
}

/** Time lost to waiting for a resource (Documentation/accounting/psi.rst). */
export interface Pressure {
  /** At least one task waited. */
  some: PressureLine
  /** All tasks waited at once. */
  full?: PressureLine
}

/** Parts are absent where the controller or the kernel's support is. */
export interface CgroupStats {
  memory?: {
    currentBytes: number
    /** Since Linux 5.19. */
    peakBytes?: number
    swapCurrentBytes?: number
    swapPeakBytes?: number
    /** Counts of this cgroup and those below it. */
    events: MemoryEvents
    /** Counts of this cgroup alone. */
    localEvents?: MemoryEvents
  }
  cpu?: CpuStats
  pids?: {
    current: number /** Since Linux 6.1. */
    peak?: number /** Forks refused at `pids.max`. */
    refusedForks: number
  }
  io?: IoDeviceStats[]
  pressure: { cpu?: Pressure; memory?: Pressure; io?: Pressure }
}

/** Files of lines `key value`. */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [key, value] = line.split(' ')
    if (key && value !== undefined) values.set(key, Number(value))
  }
  return values
}

export function parseMemoryEvents(text: string): MemoryEvents {
  const of = counters(text)
  return {
    low: of('low'),
    high: of('high'),
    max: of('max'),
    oom: of('oom'),
    oomKill: of('oom_kill'),
    oomGroupKill: of('oom_group_kill'),
  }
}

export function parseCpuStat(text: string): CpuStats {
  const of = counters(text)
  return {
    usageUsec: of('usage_usec'),
    userUsec: of('user_usec'),
    systemUsec: of('system_usec'),
    periods: of('nr_periods'),
    throttledPeriods: of('nr_throttled'),
    throttledUsec: of('throttled_usec'),
    bursts: of('nr_bursts'),
    burstUsec: of('burst_usec'),
  }
}

/** Counters that an older kernel does not have count 0. */
function counters(text: string): (key: string) => number {
  const values = parseFlatKeyed(text)
  return key => values.get(key) ?? 0
}

export function parseIoStat(text: string): IoDeviceStats[] {
  return [...text.matchAll(/^(\d+):(\d+) (.*)$/gm)].map(([, major, minor, fields]) => {
    const values = new Map(fields!.split(' ').map(field => field.split('=') as [string, string]))
    const of = (key: string) => Number(values.get(key) ?? 0)
    return {
      major: Number(major),
      minor: Number(minor),
      readBytes: of('rbytes'),
      writtenBytes: of('wbytes'),
      reads: of('rios'),
      writes: of('wios'),
    }
  })
}

/** @returns undefined for text without a `some` line */
export function parsePressure(text: string): Pressure | undefined {
  const lines = new Map<string, PressureLine>()
  for (const [, kind, avg10, avg60, avg300, total] of text.matchAll(
    /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/gm,
  )) {
    lines.set(kind!, {
      avg10: Number(avg10),
      avg60: Number(avg60),
      avg300: Number(avg300),
      totalUsec: Number(total),
    })
  }
  const some = lines.get('some')
  const full = lines.get('full')
  return some && { some, ...(full && { full }) }
}

/**
 * Reads the statistics of a cgroup. The files are read one after the other, so the figures are of slightly different
 * moments. A cgroup that was removed has no parts.
 *
 * @param directoryHostPath of the cgroup
 */
export function readCgroupStats(directoryHostPath: string): CgroupStats {
  return parseCgroupStats(file => readCgroupFile(join(directoryHostPath, file)))
}

/** @param read gives the text of a file of a cgroup, undefined where there is none */
export function parseCgroupStats(read: (file: string) => string | undefined): CgroupStats {
  const parsed = <T>(file: string, parse: (text: string) => T): T | undefined => {
    const text = read(file)
    return text === undefined ? undefined : parse(text)
  }
  const memoryEvents = parsed('memory.events', parseMemoryEvents)
  const pidsCurrent = parsed('pids.current', Number)
  return withoutUndefined<CgroupStats>({
    memory:
      memoryEvents &&
      withoutUndefined<NonNullable<CgroupStats['memory']>>({
        currentBytes: parsed('memory.current', Number) ?? 0,
        peakBytes: parsed('memory.peak', Number),
        swapCurrentBytes: parsed('memory.swap.current', Number),
        swapPeakBytes: parsed('memory.swap.peak', Number),
        events: memoryEvents,
        localEvents: parsed('memory.events.local', parseMemoryEvents),
      }),
    cpu: parsed('cpu.stat', parseCpuStat),
    pids:
      pidsCurrent === undefined
        ? undefined
        : withoutUndefined<NonNullable<CgroupStats['pids']>>({
            current: pidsCurrent,
            peak: parsed('pids.peak', Number),
            refusedForks: parsed('pids.events', text => parseFlatKeyed(text).get('max')) ?? 0,
          }),
    io: parsed('io.stat', parseIoStat),
    pressure: withoutUndefined<CgroupStats['pressure']>({
      cpu: parsed('cpu.pressure', parsePressure),
      memory: parsed('memory.pressure', parsePressure),
      io: parsed('io.pressure', parsePressure),
    }),
  })
}
