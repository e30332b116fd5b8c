/** Figures of a run: from how its containers ended, from their samples, and from what they printed. */

import type { RunResult } from '../engine/container/result.ts'
import { KILLED } from '../util/exit-status.ts'
import type { BuiltInMetric, Metric } from './experiment.ts'
import type { Ends, KillingLevel } from './results.ts'
import { statisticOf } from './statistics.ts'

/** What ended a container from outside. */
export type Cut = 'time is up' | 'interrupted'

/** What is known of a container after its end. */
export interface Ended {
  readonly result: RunResult
  readonly level: KillingLevel | undefined
  readonly cut: Cut | undefined
  readonly seconds: number
  /** Undefined where there was no sample. */
  readonly ends: Ends | undefined
}

/** Null where there is nothing to say. */
export function measure(metric: Metric, ended: Ended): number | string | null {
  if (metric.measure.kind === 'built-in') return builtIn[metric.measure.figure](ended) ?? null
  const { pattern, statistic } = metric.measure
  const numbers = [...(ended.result.stdout ?? '').matchAll(pattern)].map(([, text]) => Number(text))
  return statisticOf(statistic, numbers.filter(Number.isFinite), ended.seconds) ?? null
}

/** Why a container ended, in a few words. */
export function exitReason({ result, level, cut }: Pick<Ended, 'result' | 'level' | 'cut'>): string {
  const end = result.signal ?? `exit ${result.exitCode}`
  if (level === undefined) return cut ?? end
  return result.signal === 'SIGKILL' || result.exitCode === KILLED
    ? `out of memory (${level})`
    : `${end}, after an OOM kill`
}

type Figure = (ended: Ended) => number | string | undefined

const builtIn: Readonly<Record<BuiltInMetric, Figure>> = {
  wall: ({ seconds }) => seconds,
  exit: exitReason,
  peak: ({ result }) => result.usage.memoryPeakBytes,
  cpu: ({ result }) => cpuSeconds(result),
  cpus: ({ result, seconds }) => (seconds > 0 ? cpuSeconds(result) / seconds : undefined),
  throttled: ({ ends }) => {
    const cpu = ends?.last.cpu
    return cpu === undefined ? undefined : cpu.periods === 0 ? 0 : (100 * cpu.throttledPeriods) / cpu.periods
  },
  'throttled-time': ({ result }) => {
    const { cpuThrottledMicroseconds: microseconds } = result.usage
    return microseconds === undefined ? undefined : microseconds / 1e6
  },
  'cpu-pressure': pressure('cpu'),
  'memory-pressure': pressure('memory'),
  'io-pressure': pressure('io'),
  read: ({ result }) => result.usage.ioReadBytes,
  written: ({ result }) => result.usage.ioWrittenBytes,
  pids: ({ result }) => result.usage.pidsPeak,
  'forks-refused': ({ ends }) => ends?.last.pids?.refusedForks,
  'memory-high': ({ ends }) => ends?.last.memory?.events.high,
  'memory-max': ({ ends }) => ends?.last.memory?.events.max,
  'oom-kills': ({ result }) => result.oom?.kills ?? 0,
}

function cpuSeconds({ usage }: RunResult): number {
  return (usage.cpuUserMicroseconds + usage.cpuSystemMicroseconds) / 1e6
}

/** Stalls are counted since the cgroup was made, in which nothing ran before the command. */
function pressure(of: 'cpu' | 'memory' | 'io'): Figure {
  return ({ ends, seconds }) => {
    const stalled = ends?.last.pressure[of]?.some.totalUsec
    return stalled === undefined || seconds === 0 ? undefined : Math.min(100, stalled / 1e4 / seconds)
  }
}
