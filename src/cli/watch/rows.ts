/** What the live view shows of a container, a row for each subject that its cgroup tells of. */
import { availableParallelism } from 'node:os'
import type { ParsedSample } from '../../index.ts'
import { formatCompactSize, formatSize } from '../print/format.ts'
import { type History, type Measure, rateOf } from './history.ts'
import type { Tone } from './line.ts'
import type { SparkSeries } from './sparkline.ts'

export interface Row {
  readonly label: string
  readonly figures: string
  /** Without one the figures have the whole line. */
  readonly series?: SparkSeries
  /** 1 is what is left out last where there is no room. */
  readonly rank: number
  /** Rows of one group stand together. */
  readonly group: 'memory' | 'cpu' | 'io' | 'pids' | 'waiting'
}

/** Rows with a series of `columns` values at most. Empty before the first sample. */
export function rowsOf(history: History, columns: number): Row[] {
  const sample = history.column
  if (sample === undefined) return []
  const context: Context = {
    sample,
    values: measure => history.values(columns, measure),
    now: measure => history.values(1, measure)[0],
  }
  return [
    ...memoryRows(context),
    ...cpuRows(context),
    ...ioRows(context),
    ...pidsRows(context),
    ...waitingRows(context),
  ]
}

interface Context {
  readonly sample: ParsedSample
  values(measure: Measure): (number | undefined)[]
  /** Of the latest column. */
  now(measure: Measure): number | undefined
}

function memoryRows({ sample: { memory, limits, memoryStat }, values }: Context): Row[] {
  if (memory === undefined) return []
  const { currentBytes, peakBytes, swapCurrentBytes = 0, events } = memory
  const { memoryMaxBytes: max, memoryHighBytes: high, swapMaxBytes: swapMax } = limits
  const top = max ?? high
  const size = formatCompactSize
  const kinds = memoryKinds(memoryStat).map(([name, bytes]) => `${name} ${size(bytes)}`)
  const swapped = swapCurrentBytes > 0 || (swapMax !== undefined && swapMax > 0)
  const bounds = [
    peakBytes === undefined ? [] : `peak ${size(peakBytes)}`,
    high === undefined ? [] : `high ${size(high)}`,
    `hits: high ${events.high}, max ${events.max}, oom ${events.oom}, killed ${events.oomKill}`,
    swapped ? [] : swapMax === 0 ? 'no swap' : 'swap 0B',
  ].flat()
  const rows: Row[] = [
    {
      ...memoryRow('memory', 1),
      figures: outOf(currentBytes, top, size),
      series: series(
        values(({ memory }) => memory?.currentBytes),
        top,
        value => worse(near(value, top), high !== undefined && value >= high ? 'warning' : 'good'),
      ),
    },
    { ...memoryRow('', 5), figures: bounds.join('  ') },
    { ...memoryRow('', 4), figures: kinds.join('  ') },
  ]
  if (!swapped) return rows
  const swap = series(
    values(({ memory }) => memory?.swapCurrentBytes),
    swapMax,
    value => near(value, swapMax),
  )
  return [...rows, { ...memoryRow('swap', 6), figures: outOf(swapCurrentBytes, swapMax, size), series: swap }]
}

const memoryRow = (label: string, rank: number) => ({ label, rank, group: 'memory' }) as const

/** Keys of memory.stat (cgroup-v2, "Memory Interface Files"); what is nothing is left out, but for the first three. */
function memoryKinds(stat: ReadonlyMap<string, number>): [string, number][] {
  const all = ['anon', 'file', 'kernel', 'shmem', 'slab', 'sock', 'kernel_stack', 'pagetables', 'zswap']
  return all
    .map((key): [string, number] => [key, stat.get(key) ?? 0])
    .filter(([, bytes], index) => bytes > 0 || index < 3)
}

function cpuRows({ sample: { cpu, limits }, values, now }: Context): Row[] {
  if (cpu === undefined) return []
  const usage: Measure = (sample, before) => perMillion(rateOf(({ cpu }) => cpu?.usageUsec)(sample, before))
  const { cpuQuotaUsec: quota, cpuPeriodUsec: period, cpuWeight } = limits
  const limit = quota === undefined || period === undefined ? undefined : quota / period
  const weight = cpuWeight === undefined ? '' : `  weight ${cpuWeight}`
  const used = now(usage)
  const figures = used === undefined ? `--${weight}` : `${outOf(used, limit, cpus => cpus.toFixed(2))}${weight}`
  const top = limit ?? Math.max(1, Math.min(availableParallelism(), ...known(values(usage))))
  const row: Row = {
    label: 'cpu',
    rank: 1,
    group: 'cpu',
    figures,
    series: series(values(usage), top, value => (limit === undefined ? 'good' : near(value, limit))),
  }
  return limit === undefined && cpu.throttledPeriods === 0 ? [row] : [row, throttledRow(cpu, { values, now })]
}

type Cpu = NonNullable<ParsedSample['cpu']>

function throttledRow(cpu: Cpu, { values, now }: Pick<Context, 'values' | 'now'>): Row {
  const share: Measure = (sample, before) => {
    const throttled = rateOf(({ cpu }) => cpu?.throttledPeriods)(sample, before)
    const all = rateOf(({ cpu }) => cpu?.periods)(sample, before)
    return throttled === undefined || all === undefined ? undefined : all === 0 ? 0 : (100 * throttled) / all
  }
  const held = now(share)
  const total = `${cpu.throttledPeriods}/${cpu.periods} ${(cpu.throttledUsec / 1_000_000).toFixed(1)}s`
  return {
    label: 'throttled',
    rank: 3,
    group: 'cpu',
    figures: `${percent(held)} of periods  ${total}`,
    series: series(values(share), 100, value => (value >= 50 ? 'bad' : value > 0 ? 'warning' : 'good')),
  }
}

function ioRows({ sample: { io, limits }, values, now }: Context): Row[] {
  if (io === undefined) return []
  const rowOf = (label: string, member: 'readBytes' | 'writtenBytes', key: 'rbps' | 'wbps'): Row => {
    const bytes: Measure = rateOf(({ io }) => io?.reduce((sum, device) => sum + device[member], 0))
    const limited = (limits.io ?? []).flatMap(line => new RegExp(` ${key}=(\\d+)`).exec(line)?.[1] ?? [])
    // A limit of one device is no limit of all of them together.
    const limit = limited.length === 1 ? Number(limited[0]) : undefined
    const rate = now(bytes)
    const perSecond = (value: number): string => `${formatSize(Math.round(value))}/s`
    return {
      label,
      rank: 4,
      group: 'io',
      figures: rate === undefined ? '--' : outOf(rate, limit, perSecond),
      series: series(values(bytes), limit, value => near(value, limit)),
    }
  }
  return [rowOf('read', 'readBytes', 'rbps'), rowOf('write', 'writtenBytes', 'wbps')]
}

function pidsRows({ sample: { pids, limits }, values }: Context): Row[] {
  if (pids === undefined) return []
  const max = limits.pidsMax
  const peak = pids.peak === undefined ? '' : `  peak ${pids.peak}`
  const refused = pids.refusedForks === 0 ? '' : `  refused ${pids.refusedForks}`
  const line = series(
    values(({ pids }) => pids?.current),
    max,
    value => near(value, max),
  )
  return [
    {
      label: 'pids',
      rank: 2,
      group: 'pids',
      figures: `${outOf(pids.current, max, String)}${peak}${refused}`,
      series: line,
    },
  ]
}

const resources = ['cpu', 'memory', 'io'] as const

/** Pressure stall information: the share of time in which some or all of the processes waited, since the column before. */
function waitingRows({ sample: { pressure }, values, now }: Context): Row[] {
  if (resources.every(resource => pressure[resource] === undefined))
    return [
      { label: 'pressure', rank: 8, group: 'waiting', figures: 'not measured by this kernel (boot it with psi=1)' },
    ]
  return resources.flatMap(resource => {
    if (pressure[resource] === undefined) return []
    const share = (who: 'some' | 'full'): Measure => {
      const total = rateOf(({ pressure }) => pressure[resource]?.[who]?.totalUsec)
      return (sample, before) => {
        const rate = total(sample, before)
        return rate === undefined ? undefined : Math.min(100, rate / 10_000)
      }
    }
    const [some, full] = [share('some'), share('full')]
    const rowOf = (label: string, figures: string, measure: Measure, rank: number): Row => ({
      label,
      rank,
      group: 'waiting',
      figures,
      series: series(values(measure), 100, value => (value >= 40 ? 'bad' : value >= 10 ? 'warning' : 'good')),
    })
    const label = `psi ${resource === 'memory' ? 'mem' : resource}`
    return [
      rowOf(label, `some ${percent(now(some))}  full ${percent(now(full))}`, some, 3),
      ...(pressure[resource].full === undefined ? [] : [rowOf('', `full ${percent(now(full))}`, full, 7)]),
    ]
  })
}

function series(
  values: readonly (number | undefined)[],
  top: number | undefined,
  toneOf: (value: number) => Tone,
): SparkSeries {
  return { values, top: top ?? Math.max(0, ...known(values)), toneOf }
}

function known(values: readonly (number | undefined)[]): number[] {
  return values.filter(value => value !== undefined)
}

/** `48MiB of 64MiB  75%` */
function outOf(value: number, limit: number | undefined, format: (value: number) => string): string {
  if (limit === undefined) return format(value)
  return `${format(value)} of ${format(limit)}  ${percent(limit === 0 ? 0 : (100 * value) / limit)}`
}

function percent(value: number | undefined): string {
  return value === undefined ? '--' : `${Math.round(value)}%`
}

function perMillion(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value / 1_000_000
}

function near(value: number, limit: number | undefined): Tone {
  if (limit === undefined || value < 0.75 * limit) return 'good'
  return value < 0.95 * limit ? 'warning' : 'bad'
}

function worse(a: Tone, b: Tone): Tone {
  return a === 'bad' || b === 'good' ? a : b
}
