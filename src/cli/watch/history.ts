/** What the live view knows of a container: what its cgroup said again and again, and what happened in between. */
import type { ParsedSample } from '../../index.ts'

/** A counter that went up. */
export interface Hit {
  readonly kind: HitKind
  readonly times: number
  /** How long processes were held back, all of them together. */
  readonly usec?: number
}

export type HitKind = 'low' | 'high' | 'max' | 'swap' | 'oom' | 'oom_kill' | 'forks' | 'throttled'

/** Hits of one kind that came one upon the other. */
export interface Happening extends Hit {
  /** Milliseconds since 1970, of the samples that told of the first and of the last. */
  readonly since: number
  readonly until: number
}

/** More than the columns of any terminal. */
const COLUMNS_KEPT = 1000
const HAPPENINGS_KEPT = 200
/** After this much time without another, what happens again is told anew. */
const QUIET_MS = 3000
/** Samples come a little early at times. */
const EARLY = 0.9

export class History {
  /** In the order in which they went on last. */
  happenings: readonly Happening[] = []
  /** The latest sample, whether or not it has a column. */
  last: ParsedSample | undefined
  readonly #intervalUsec: number
  #columns: ParsedSample[] = []

  /** @param interval seconds between two columns; what happens meanwhile is told at once */
  constructor(interval: number) {
    this.#intervalUsec = interval * 1_000_000
  }

  /** @returns what has happened since the sample before, and whether this one has a column of its own */
  add(sample: ParsedSample): { readonly hits: readonly Hit[]; readonly isColumn: boolean } {
    const hits = this.last === undefined ? [] : hitsBetween(this.last, sample)
    this.last = sample
    for (const hit of hits) this.#tell(hit, sample.atUsec / 1000)
    const { column } = this
    const isColumn = column === undefined || sample.atUsec - column.atUsec >= EARLY * this.#intervalUsec
    if (isColumn) this.#columns = [...this.#columns, sample].slice(-COLUMNS_KEPT)
    return { hits, isColumn }
  }

  /** The newest. */
  get column(): ParsedSample | undefined {
    return this.#columns.at(-1)
  }

  /** A value for each of the last columns, the newest last. */
  values(count: number, of: Measure): (number | undefined)[] {
    const from = Math.max(0, this.#columns.length - count)
    return this.#columns.slice(from).map((sample, at) => of(sample, this.#columns[from + at - 1]))
  }

  #tell(hit: Hit, at: number): void {
    const last = this.happenings.findLast(({ kind }) => kind === hit.kind)
    const goesOn = last !== undefined && at - last.until <= QUIET_MS
    const happening = goesOn
      ? { ...together(last, hit), since: last.since, until: at }
      : { ...hit, since: at, until: at }
    this.happenings = [...this.happenings.filter(each => !(goesOn && each === last)), happening].slice(-HAPPENINGS_KEPT)
  }
}

/** @returns undefined for what is not known, or not yet: a rate needs a column before */
export type Measure = (sample: ParsedSample, before: ParsedSample | undefined) => number | undefined

/** How much a counter goes up in a second. */
export function rateOf(counter: (sample: ParsedSample) => number | undefined): Measure {
  return (sample, before) => {
    const to = counter(sample)
    const from = before && counter(before)
    if (to === undefined || from === undefined || before === undefined || sample.atUsec <= before.atUsec)
      return undefined
    return (Math.max(0, to - from) * 1_000_000) / (sample.atUsec - before.atUsec)
  }
}

function together(a: Hit, b: Hit): Hit {
  const usec = (a.usec ?? 0) + (b.usec ?? 0)
  return { kind: a.kind, times: a.times + b.times, ...(usec > 0 && { usec }) }
}

function hitsBetween(before: ParsedSample, after: ParsedSample): Hit[] {
  const hits: Hit[] = []
  const compare = (kind: HitKind, of: (sample: ParsedSample) => number | undefined, usec = 0): void => {
    const times = (of(after) ?? 0) - (of(before) ?? 0)
    if (times > 0) hits.push({ kind, times, ...(usec > 0 && { usec }) })
  }
  compare('low', ({ memory }) => memory?.events.low)
  compare('high', ({ memory }) => memory?.events.high)
  compare('max', ({ memory }) => memory?.events.max)
  compare('swap', ({ swapEvents }) => swapEvents?.fail)
  compare('oom', ({ memory }) => memory?.events.oom)
  compare('oom_kill', ({ memory }) => memory?.events.oomKill)
  compare('forks', ({ pids }) => pids?.refusedForks)
  const throttledUsec = (after.cpu?.throttledUsec ?? 0) - (before.cpu?.throttledUsec ?? 0)
  compare('throttled', ({ cpu }) => cpu?.throttledPeriods, throttledUsec)
  return hits
}

/** What the kernel has done, in a person's words. */
export function describeHit({ kind, times, usec = 0 }: Hit): string {
  const often = times === 1 ? 'once' : `${times} times`
  switch (kind) {
    case 'low':
      return `memory.low: reclaimed below it ${often}`
    case 'high':
      return `memory.high: throttled and reclaimed ${often}`
    case 'max':
      return `memory.max: reached ${often}`
    case 'swap':
      return `memory.swap.max: no more swap ${often}`
    case 'oom':
      return `oom: nothing left to reclaim, ${often}`
    case 'oom_kill':
      return `oom_kill: ${times === 1 ? 'a process' : `${times} processes`} killed`
    case 'forks':
      return `pids.max: ${times === 1 ? 'a fork' : `${times} forks`} refused`
    case 'throttled':
      return `cpu.max: held back in ${times === 1 ? 'a period' : `${times} periods`}, ${formatUsec(usec)} in all`
  }
}

export function isGrave({ kind }: Hit): boolean {
  return kind === 'oom' || kind === 'oom_kill'
}

function formatUsec(usec: number): string {
  return usec < 1_000_000 ? `${Math.round(usec / 1000)} ms` : `${(usec / 1_000_000).toFixed(1)} s`
}

/** `12:03:04`, in the time zone of the reader. */
export function formatClock(at: number): string {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(part => String(part).padStart(2, '0')).join(':')
}
