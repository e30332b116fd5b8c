/** What was measured of several contenders in turn, as a table and a chart of the page. */
import { readFileSync } from 'node:fs'
import { barChart, formatNumber } from './chart.ts'
import { median } from './rounds.ts'

export interface Series {
  readonly name: string
  readonly samples: number[]
  /** Milliseconds of CPU time that all processes took for each sample, children and kernel threads' work for them too. */
  readonly cpu?: number[]
  /** Why there are no samples. */
  failure?: string
}

export interface Measure {
  /** Also the name of the chart's file. */
  readonly key: string
  readonly title: string
  readonly unit: string
  /** What a reader must know to read it. */
  readonly note?: string
  /** Whether the CPU time of a sample says something. */
  readonly withCpu?: true
  readonly series: readonly Series[]
}

export interface Turn {
  readonly name: string
  /** One sample; rejects when it cannot. */
  readonly sample: () => number | Promise<number>
}

/** Every contender has its turn in every round, in an order that is turned by one each time. */
export async function takeTurns(turns: readonly Turn[], rounds: number): Promise<Series[]> {
  const series = turns.map(({ name }): Series & { cpu: number[] } => ({ name, samples: [], cpu: [] }))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < turns.length; turn++) {
      const index = (turn + round) % turns.length
      const one = series[index]!
      if (one.failure !== undefined) continue
      try {
        const before = cpuMilliseconds()
        one.samples.push(await turns[index]!.sample())
        one.cpu.push(cpuMilliseconds() - before)
      } catch (error) {
        one.failure = error instanceof Error ? error.message : String(error)
        console.error(`${one.name} cannot: ${one.failure}`)
      }
    }
  }
  return series
}

/** Of the cgroup at the root: all that runs in the namespaces of lib/private.ts. */
function cpuMilliseconds(): number {
  return Number(/^usage_usec (\d+)$/m.exec(readFileSync('/sys/fs/cgroup/cpu.stat', 'utf8'))?.[1]) / 1000
}

/** The first series is utsuwa's; ratios are medians over the rounds of utsuwa to the other in the same round. */
export function measureSection({ key, title, unit, note, withCpu, series }: Measure): string {
  const own = series[0]!
  const rows = series.map(({ name, samples, cpu, failure }) => {
    if (failure !== undefined) return `| ${name} | **cannot**: ${failure.split('\n')[0]} | | |${withCpu ? ' |' : ''}`
    const ratios = samples.map((sample, round) => (own.samples[round] ?? Number.NaN) / sample)
    const spread = `${formatNumber(Math.min(...samples))}–${formatNumber(Math.max(...samples))}`
    const ratio = own.failure === undefined ? median(ratios).toFixed(2) : ''
    const taken = withCpu ? ` ${formatNumber(median(cpu ?? []))} |` : ''
    return `| ${name} | ${formatNumber(median(samples))} | ${spread} | ${ratio} |${taken}`
  })
  return [
    `### ${title}\n`,
    ...(note === undefined ? [] : [`${note}\n`]),
    `| | median, ${unit} | min–max | utsuwa / it |${withCpu ? ' median CPU, ms |' : ''}`,
    `|---|---:|---:|---:|${withCpu ? '---:|' : ''}`,
    ...rows,
    `\n![${title}](${key}.svg)\n`,
  ].join('\n')
}

export function measureChart({ title, unit, series }: Measure): string {
  const bars = series.filter(({ samples }) => samples.length > 0)
  return barChart(
    title,
    unit,
    bars.map(({ name, samples }) => ({ label: name, value: median(samples) })),
  )
}
