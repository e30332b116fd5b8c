/** What containers use, as `stats` shows it: one sample, and two compared. */
import { totalmem } from 'node:os'
import { type ContainerStats, containerStats, isUtsuwaError, type Roots } from '../../index.ts'
import { formatCompactSize, formatSize, printable, shortId } from './format.ts'
import { formatTable } from './table.ts'

export interface Sample {
  readonly id: string
  readonly name: string | undefined
  /** Milliseconds, on the clock of `performance.now()`. */
  readonly at: number
  readonly stats: ContainerStats
}

/** Absent: not known on this machine, for want of a controller. */
export interface ResourceUse {
  readonly id: string
  readonly name: string | undefined
  /** Of one CPU: 200 for two that are busy. */
  readonly cpuPercent?: number
  /** Without the page cache that can go at once, as docker has it. */
  readonly memoryBytes?: number
  /** Its own limit, else the machine's memory. */
  readonly memoryLimitBytes?: number
  readonly memoryPercent?: number
  readonly networkReceivedBytes?: number
  readonly networkSentBytes?: number
  readonly blockReadBytes?: number
  readonly blockWrittenBytes?: number
  readonly pids?: number
}

/** Those that run; who has ended meanwhile is left out. */
export function takeSamples(
  containers: readonly { readonly id: string; readonly name: string | undefined }[],
  roots: Roots,
): Sample[] {
  return containers.flatMap(({ id, name }) => {
    try {
      return [{ id, name, at: performance.now(), stats: containerStats(id, roots) }]
    } catch (error) {
      if (isUtsuwaError(error, 'CONTAINER_NOT_RUNNING') || isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) return []
      throw error
    }
  })
}

/** @param before an earlier sample of the same container; without one nothing is known of the CPU */
export function compare(before: Sample | undefined, { id, name, at, stats }: Sample): ResourceUse {
  const { memory, network, io, pids, use } = stats
  const memoryBytes = memory && memory.currentBytes - (use.memoryStat.get('inactive_file') ?? 0)
  const memoryLimitBytes = memory && Math.min(Number(use.memoryMaxBytes ?? Number.POSITIVE_INFINITY), totalmem())
  return withoutUndefined({
    id,
    name,
    cpuPercent: cpuPercent(before, at, stats),
    memoryBytes,
    memoryLimitBytes,
    memoryPercent: memoryBytes && memoryLimitBytes && (100 * memoryBytes) / memoryLimitBytes,
    networkReceivedBytes: network?.receivedBytes,
    networkSentBytes: network?.sentBytes,
    blockReadBytes: io?.reduce((sum, device) => sum + device.readBytes, 0),
    blockWrittenBytes: io?.reduce((sum, device) => sum + device.writtenBytes, 0),
    pids: pids?.current,
  })
}

function cpuPercent(before: Sample | undefined, at: number, { cpu }: ContainerStats): number | undefined {
  const earlier = before?.stats.cpu
  if (cpu === undefined || earlier === undefined || before === undefined) return undefined
  return (100 * (cpu.usageUsec - earlier.usageUsec)) / ((at - before.at) * 1000)
}

function withoutUndefined(use: { [K in keyof ResourceUse]: ResourceUse[K] | undefined }): ResourceUse {
  const entries = Object.entries(use).filter(([key, value]) => value !== undefined || key === 'name')
  return Object.fromEntries(entries) as unknown as ResourceUse
}

const HEADER = ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS']

/** What is left out of a table that is too wide, in this order. */
const DISPENSABLE = ['NET I/O', 'BLOCK I/O', 'MEM %']

export interface UseTableOptions {
  readonly trunc: boolean
  /** Of the terminal. Default: the table is as wide as it is. */
  readonly columns?: number
}

export function formatUse(
  list: readonly ResourceUse[],
  { trunc, columns = Number.POSITIVE_INFINITY }: UseTableOptions,
): string {
  const percent = (value: number | undefined): string => (value === undefined ? '--' : `${value.toFixed(2)}%`)
  const pair = (a: number | undefined, b: number | undefined, format: (bytes: number) => string): string =>
    a === undefined || b === undefined ? '-- / --' : `${format(a)} / ${format(b)}`
  const rows = list.map(use => [
    trunc ? shortId(use.id) : use.id,
    printable(use.name ?? '--'),
    percent(use.cpuPercent),
    pair(use.memoryBytes, use.memoryLimitBytes, formatCompactSize),
    percent(use.memoryPercent),
    pair(use.networkReceivedBytes, use.networkSentBytes, formatSize),
    pair(use.blockReadBytes, use.blockWrittenBytes, formatSize),
    use.pids === undefined ? '--' : String(use.pids),
  ])
  for (let leftOut = 0; ; leftOut++) {
    const shown = HEADER.map((title, at) => ({ title, at })).filter(
      ({ title }) => !DISPENSABLE.slice(0, leftOut).includes(title),
    )
    const table = formatTable(
      shown.map(({ title }) => title),
      rows.map(row => shown.map(({ at }) => row[at]!)),
    )
    if (leftOut === DISPENSABLE.length || table.split('\n').every(line => line.length <= columns)) return table
  }
}
