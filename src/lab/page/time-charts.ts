/** The plots of one run. A line that would be nothing but zeros is left out, and a plot without lines too. */
import type { PageData } from '../page.ts'
import type { RunRecord } from '../results.ts'
import type { Column, Mark, Series } from '../series.ts'
import { type ChartOptions, chart, type EventMark, type Line } from './chart.ts'
import { color, seriesColor } from './colors.ts'

/** A limit that is further away than this many times what was used stays outside the plot. */
const NEAR = 2.5

interface Member {
  readonly name: string
  readonly series: Series
  readonly index: number
}

interface LineOf {
  readonly label: string
  readonly column: (series: Series) => Column
  readonly style?: Line['style']
  /** By its place among the colours, where there is one container alone. */
  readonly hue?: number
  readonly isLimit?: boolean
}

interface Plot {
  readonly title: string
  readonly unit: string
  readonly lines: readonly LineOf[]
  /** Of several containers side by side, only these. */
  readonly main: number
  readonly marks: readonly Mark['kind'][]
}

const plots: readonly Plot[] = [
  {
    title: 'Memory',
    unit: 'bytes',
    main: 1,
    lines: [
      { label: 'in use', column: ({ memory }) => memory, style: 'area', hue: 0 },
      { label: 'anonymous', column: ({ anonymous }) => anonymous, hue: 2 },
      { label: 'page cache', column: ({ file }) => file, hue: 1 },
      { label: 'swap', column: ({ swap }) => swap, hue: 4 },
      { label: 'memory.high', column: ({ memoryHigh }) => memoryHigh, style: 'dashed', hue: 3, isLimit: true },
      { label: 'memory.max', column: ({ memoryMax }) => memoryMax, style: 'dashed', hue: 7, isLimit: true },
    ],
    marks: ['high', 'max', 'oom', 'oom_kill'],
  },
  {
    title: 'CPU',
    unit: 'CPUs',
    main: 1,
    lines: [
      { label: 'in use', column: ({ cpu }) => cpu, style: 'area', hue: 0 },
      { label: 'cpu.max', column: ({ cpuLimit }) => cpuLimit, style: 'dashed', hue: 7, isLimit: true },
    ],
    marks: ['throttled'],
  },
  {
    title: 'Pressure and throttling',
    unit: '%',
    main: 4,
    lines: [
      { label: 'waits for a CPU', column: ({ cpuPressure }) => cpuPressure, hue: 0 },
      { label: 'waits for memory', column: ({ memoryPressure }) => memoryPressure, hue: 3 },
      { label: 'all wait for memory', column: ({ memoryPressureFull }) => memoryPressureFull, hue: 7 },
      { label: 'waits for a disk', column: ({ ioPressure }) => ioPressure, hue: 1 },
      { label: 'periods throttled', column: ({ throttled }) => throttled, hue: 4 },
    ],
    marks: [],
  },
  {
    title: 'Block devices',
    unit: 'bytes/s',
    main: 2,
    lines: [
      { label: 'read', column: ({ read }) => read, hue: 0 },
      { label: 'written', column: ({ written }) => written, hue: 1 },
    ],
    marks: [],
  },
  {
    title: 'Processes and threads',
    unit: '',
    main: 1,
    lines: [
      { label: 'there', column: ({ pids }) => pids, style: 'area', hue: 0 },
      { label: 'pids.max', column: ({ pidsMax }) => pidsMax, style: 'dashed', hue: 7, isLimit: true },
    ],
    marks: ['pids'],
  },
]

const markColors: Readonly<Record<Mark['kind'], string>> = {
  high: 'mark-mild',
  max: 'mark-mild',
  throttled: 'mark-mild',
  pids: 'mark-loud',
  oom: 'mark-loud',
  oom_kill: 'mark-loud',
}

export function timeCharts(data: PageData, run: RunRecord): HTMLElement[] {
  const names = [...data.containers, ...(data.hasParent ? ['parent'] : [])]
  const members = names.flatMap((name, index) => {
    const series = run.series[name]
    return series === undefined || series.time.length === 0 ? [] : [{ name, series, index }]
  })
  return plots.flatMap(plot => {
    const options = chartOf(plot, members, run)
    return options.lines.length === 0 ? [] : [chart(options)]
  })
}

function chartOf(plot: Plot, members: readonly Member[], run: RunRecord): ChartOptions {
  const times = [...new Set(members.flatMap(({ series }) => series.time))].sort((a, b) => a - b)
  const single = members.length === 1
  const lines = members.flatMap(member => linesOf(plot, member, times, single))
  const marks = members.flatMap(({ name, series }) =>
    series.marks.filter(({ kind }) => plot.marks.includes(kind)).map(mark => toEvent(mark, single ? '' : `${name}: `)),
  )
  return {
    title: plot.title,
    unit: plot.unit,
    x: times.map(time => time / 1000),
    lines,
    marks,
    group: `run-${run.index}`,
  }
}

function linesOf(plot: Plot, { name, series, index }: Member, times: readonly number[], single: boolean): Line[] {
  const rowOf = new Map(series.time.map((time, row) => [time, row]))
  const used = largest(plot.lines[0]!.column(series))
  const chosen = single ? plot.lines : plot.lines.filter(({ isLimit }, place) => isLimit === true || place < plot.main)
  return chosen
    .filter(({ column }) => column(series).some(value => value !== null && value !== 0))
    .map(({ label, column, style, hue = 0, isLimit = false }, place) => {
      const values = column(series)
      const shade = single ? hue : index + (plot.main > 1 ? place * members : 0)
      return {
        label: single ? label : `${name} ${label}`,
        values: times.map(time => values[rowOf.get(time) ?? -1] ?? null),
        color: () => seriesColor(shade),
        ...(style !== undefined && { style: !single && style === 'area' ? 'line' : style }),
        outside: isLimit && largest(values) > NEAR * used,
      }
    })
}

/** Lines of several containers in one plot: far enough from each other in the palette. */
const members = 3

function largest(values: Column): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0)
}

function toEvent({ time, kind, count }: Mark, prefix: string): EventMark {
  const name = kind === 'oom_kill' ? 'OOM kill' : kind === 'pids' ? 'fork refused' : kind
  return {
    x: time / 1000,
    label: `${prefix}${name}${count > 1 ? ` ×${count}` : ''}`,
    color: () => color(markColors[kind]),
    isLoud: kind === 'oom_kill',
  }
}
