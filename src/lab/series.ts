/** Samples of one cgroup as columns for plots, of bounded length however long it ran. */
import { type CgroupSample, type ParsedSample, parseSample } from '../cgroup/stats/sample.ts'

/** Columns of equal length, one row for each sample that was kept; null where there is nothing to say. */
export interface Series {
  /** Milliseconds since the run began. */
  readonly time: number[]
  readonly memory: Column
  readonly anonymous: Column
  readonly file: Column
  readonly swap: Column
  readonly memoryHigh: Column
  readonly memoryMax: Column
  /** CPUs in use, on average over the last tenth of a second; rates and shares that follow likewise. */
  readonly cpu: Column
  readonly cpuLimit: Column
  /** Share of the periods in percent. */
  readonly throttled: Column
  /** Percent of the time. */
  readonly cpuPressure: Column
  readonly memoryPressure: Column
  readonly memoryPressureFull: Column
  readonly ioPressure: Column
  /** Bytes a second. */
  readonly read: Column
  readonly written: Column
  readonly pids: Column
  readonly pidsMax: Column
  readonly marks: readonly Mark[]
}

export type Column = (number | null)[]

/** Something that happened between two samples. */
export interface Mark {
  readonly time: number
  readonly kind: 'high' | 'max' | 'oom' | 'oom_kill' | 'throttled' | 'pids'
  readonly count: number
}

/** Rates are means over this time, the usual period of cpu.max: of less they show the kernel's clockwork, not the limit. */
const RATE_WINDOW_USEC = 100_000
/** Rows of a series: more than a plot has pixels tell nothing more. */
const MAX_ROWS = 600
/** Marks of one kind: a limit that is hit all the time is a line of them anyway. */
const MAX_MARKS = 300

/** Takes samples as they come, and keeps the ends and an even choice of the others. */
export class SeriesBuilder {
  #kept: CgroupSample[] = []
  #last: CgroupSample | undefined
  #stride = 1
  #count = 0
  #events: { atUsec: number; counters: Counters }[] = []

  get count(): number {
    return this.#count
  }

  add(sample: CgroupSample): void {
    if (this.#count++ % this.#stride === 0) this.#kept.push(sample)
    if (this.#kept.length >= 2 * MAX_ROWS) {
      this.#kept = this.#kept.filter((_, index) => index % 2 === 0)
      this.#stride *= 2
    }
    if (hasEvents(this.#last, sample)) this.#events.push({ atUsec: sample.atUsec, counters: countersOf(sample) })
    this.#last = sample
  }

  /** The first and the last sample; undefined when there was none. */
  ends(): { first: ParsedSample; last: ParsedSample } | undefined {
    const [first] = this.#kept
    return first && this.#last && { first: parseSample(first), last: parseSample(this.#last) }
  }

  /** @param startUsec of the run, on the clock of the samples */
  build(startUsec: number): Series {
    const last = this.#last
    const samples = last === undefined || this.#kept.at(-1) === last ? this.#kept : [...this.#kept, last]
    return { ...columnsOf(samples.map(parseSample), startUsec), marks: this.#marks(startUsec) }
  }

  #marks(startUsec: number): Mark[] {
    const marks = this.#events.slice(1).flatMap(({ atUsec, counters }, index) =>
      Object.entries(counters).flatMap(([kind, value]) => {
        const count = value - this.#events[index]!.counters[kind as Mark['kind']]
        return count > 0 ? [{ time: (atUsec - startUsec) / 1000, kind: kind as Mark['kind'], count }] : []
      }),
    )
    return Object.values(Object.groupBy(marks, ({ kind }) => kind)).flatMap(of => thinned(of, MAX_MARKS))
  }
}

type Counters = Readonly<Record<Mark['kind'], number>>

const EVENT_FILES = ['memory.events', 'cpu.stat', 'pids.events'] as const

/** Texts that have not changed are the same string, so this costs nothing nearly always. */
function hasEvents(before: CgroupSample | undefined, { files }: CgroupSample): boolean {
  return before === undefined || EVENT_FILES.some(file => before.files[file] !== files[file])
}

function countersOf(sample: CgroupSample): Counters {
  const { memory, cpu, pids } = parseSample(sample)
  return {
    high: memory?.events.high ?? 0,
    max: memory?.events.max ?? 0,
    oom: memory?.events.oom ?? 0,
    oom_kill: memory?.events.oomKill ?? 0,
    throttled: cpu?.throttledPeriods ?? 0,
    pids: pids?.refusedForks ?? 0,
  }
}

/** Several neighbours become one, so that no count is lost. */
function thinned(marks: readonly Mark[], most: number): Mark[] {
  const size = Math.ceil(marks.length / most)
  return Array.from({ length: Math.ceil(marks.length / size) }, (_, index) => {
    const group = marks.slice(index * size, (index + 1) * size)
    return { ...group[0]!, count: group.reduce((sum, { count }) => sum + count, 0) }
  })
}

function columnsOf(samples: readonly ParsedSample[], startUsec: number): Omit<Series, 'marks'> {
  const column = (value: (sample: ParsedSample) => number | undefined): Column =>
    samples.map(sample => value(sample) ?? null)
  const earlier = rowsBefore(samples)
  /** What has been added each microsecond of late. */
  const rate = (value: (sample: ParsedSample) => number | undefined, scale: number): Column =>
    samples.map((sample, index) => {
      const before = earlier[index]
      const [now, then] = [value(sample), before && value(before)]
      if (before === undefined || now === undefined || then === undefined) return null
      return rounded((scale * (now - then)) / (sample.atUsec - before.atUsec))
    })
  const sum = (of: 'readBytes' | 'writtenBytes') => (sample: ParsedSample) =>
    sample.io?.reduce((total, device) => total + device[of], 0)
  return {
    time: samples.map(({ atUsec }) => rounded((atUsec - startUsec) / 1000)),
    memory: column(({ memory }) => memory?.currentBytes),
    anonymous: column(({ memoryStat }) => memoryStat.get('anon')),
    file: column(({ memoryStat }) => memoryStat.get('file')),
    swap: column(({ memory }) => memory?.swapCurrentBytes),
    memoryHigh: column(({ limits }) => limits.memoryHighBytes),
    memoryMax: column(({ limits }) => limits.memoryMaxBytes),
    cpu: rate(({ cpu }) => cpu?.usageUsec, 1),
    cpuLimit: column(({ limits: { cpuQuotaUsec, cpuPeriodUsec } }) =>
      cpuQuotaUsec === undefined || cpuPeriodUsec === undefined ? undefined : cpuQuotaUsec / cpuPeriodUsec,
    ),
    throttled: samples.map(({ cpu }, index) => {
      const before = earlier[index]?.cpu
      if (cpu === undefined || before === undefined) return null
      const periods = cpu.periods - before.periods
      return periods === 0 ? null : rounded((100 * (cpu.throttledPeriods - before.throttledPeriods)) / periods)
    }),
    cpuPressure: rate(({ pressure }) => pressure.cpu?.some.totalUsec, 100),
    memoryPressure: rate(({ pressure }) => pressure.memory?.some.totalUsec, 100),
    memoryPressureFull: rate(({ pressure }) => pressure.memory?.full?.totalUsec, 100),
    ioPressure: rate(({ pressure }) => pressure.io?.some.totalUsec, 100),
    read: rate(sum('readBytes'), 1e6),
    written: rate(sum('writtenBytes'), 1e6),
    pids: column(({ pids }) => pids?.current),
    pidsMax: column(({ limits }) => limits.pidsMax),
  }
}

/** For each sample the one that rates are computed against: the last one that is long enough before, or the first. */
function rowsBefore(samples: readonly ParsedSample[]): (ParsedSample | undefined)[] {
  let row = 0
  return samples.map(({ atUsec }, index) => {
    while (row + 1 < index && samples[row + 1]!.atUsec <= atUsec - RATE_WINDOW_USEC) row++
    return index === 0 ? undefined : samples[row]
  })
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
