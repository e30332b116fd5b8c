/** When each phase of a run began and how long it took. */

/** Times on the clock of `performance.now()`, in milliseconds, where one phase ends and the next begins; 0: not yet. */
export interface Marks {
  begin: number
  prepared: number
  launching: number
  cgroupReady: number
  initExecuted: number
  ready: number
  created: number
  starting: number
  started: number
  ended: number
  removed: number
}

export const noMarks: Readonly<Marks> = {
  begin: 0,
  prepared: 0,
  launching: 0,
  cgroupReady: 0,
  initExecuted: 0,
  ready: 0,
  created: 0,
  starting: 0,
  started: 0,
  ended: 0,
  removed: 0,
}

/** Microseconds that each phase of a run took; 0 for what did not happen. */
export interface Phases {
  /** Image or bundle to runtime spec, snapshot and root file system. */
  readonly prepare: number
  /** From there to the moment at which the command could be executed: the five that follow. */
  readonly create: number
  /** Runtime spec to plan. */
  readonly plan: number
  /** The cgroup and its limits. */
  readonly cgroup: number
  /** The clone into new namespaces, and the exec of native init. */
  readonly clone: number
  /** What init does: mounts, devices, the root, the user; with hooks, they too. */
  readonly init: number
  /** Writing down that the container is created. */
  readonly record: number
  /** From the word to start to the exec of the command: capabilities, seccomp filter, exec. */
  readonly start: number
  /** From the exec to the end. */
  readonly run: number
  /** From the end until nothing of the container is left, or of a container that is kept, its cgroup. */
  readonly remove: number
}

/** One phase of a run. */
export interface Span {
  readonly name: keyof Phases
  /** The phase that this one is a part of. */
  readonly within: keyof Phases | undefined
  /** Microseconds since this process began, as `performance.now()` counts. */
  readonly begin: number
  /** Microseconds. */
  readonly duration: number
}

const phases: readonly (readonly [keyof Phases, from: keyof Marks, to: keyof Marks, within?: keyof Phases])[] = [
  ['prepare', 'begin', 'prepared'],
  ['create', 'prepared', 'created'],
  ['plan', 'prepared', 'launching', 'create'],
  ['cgroup', 'launching', 'cgroupReady', 'create'],
  ['clone', 'cgroupReady', 'initExecuted', 'create'],
  ['init', 'initExecuted', 'ready', 'create'],
  ['record', 'ready', 'created', 'create'],
  ['start', 'starting', 'started'],
  ['run', 'started', 'ended'],
  ['remove', 'ended', 'removed'],
]

/** In the order in which they began. */
export function timelineOf(marks: Marks): Span[] {
  return phases
    .filter(([, from, to]) => marks[from] > 0 && marks[to] > 0)
    .map(([name, from, to, within]) => ({
      name,
      within,
      begin: microseconds(marks[from]),
      duration: Math.max(0, microseconds(marks[to] - marks[from])),
    }))
}

export function phasesOf(timeline: readonly Span[]): Phases {
  const durations = new Map(timeline.map(({ name, duration }) => [name, duration]))
  return Object.fromEntries(phases.map(([name]) => [name, durations.get(name) ?? 0])) as unknown as Phases
}

function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000)
}

/** A time of CLOCK_MONOTONIC, in nanoseconds, on the clock of `performance.now()`. */
export function fromMonotonic(ns: bigint): number {
  return performance.now() - Number(process.hrtime.bigint() - ns) / 1e6
}

/** What chrome://tracing, Perfetto and Speedscope read: the Trace Event Format. */
export interface ChromeTrace {
  readonly traceEvents: readonly {
    readonly name: string
    /** A complete event. */
    readonly ph: 'X'
    /** Microseconds. */
    readonly ts: number
    readonly dur: number
    readonly pid: number
    readonly tid: number
  }[]
}

/** A span of a run, or of anything else that one wants to see beside it. */
export type TraceSpan = Pick<Span, 'begin' | 'duration'> & { readonly name: string }

/**
 * Timelines of runs as a trace, each in a row of its own. They are all on one clock when they are of one process.
 * @example writeFileSync('trace.json', JSON.stringify(chromeTrace([result.timeline])))
 */
export function chromeTrace(timelines: readonly (readonly TraceSpan[])[]): ChromeTrace {
  return {
    traceEvents: timelines.flatMap((timeline, index) =>
      timeline.map(({ name, begin, duration }) => ({
        name,
        ph: 'X',
        ts: begin,
        dur: duration,
        pid: process.pid,
        tid: index + 1,
      })),
    ),
  }
}
