/** Metrics against knobs: a plot for each metric that is a number, and the table of all runs. */
import type { PageData } from '../page.ts'
import type { RunRecord } from '../results.ts'
import { chart, type Line } from './chart.ts'
import { seriesColor } from './colors.ts'
import { badge, element } from './element.ts'
import { formatValue } from './numbers.ts'

export function resultSection(data: PageData): HTMLElement {
  const numeric = data.metrics.filter(({ name }) =>
    data.runs.some(run => data.containers.some(each => typeof run.containers[each]?.metrics[name] === 'number')),
  )
  const plots = element('div', { class: 'plots' })
  const draw = (knob: number): void => {
    plots.replaceChildren(...numeric.map(metric => metricChart(data, metric, knob)))
  }
  draw(0)
  return element(
    'section',
    {},
    element('h2', {}, 'Result'),
    data.knobs.length > 1 ? knobChoice(data, draw) : undefined,
    plots,
    table(data),
  )
}

function knobChoice({ knobs }: PageData, choose: (knob: number) => void): HTMLElement {
  const select = element(
    'select',
    {},
    ...knobs.map(({ label }, index) => element('option', { value: String(index) }, label)),
  )
  select.addEventListener('change', () => choose(Number(select.value)))
  return element('label', {}, 'Against ', select)
}

type Metric = PageData['metrics'][number]

/** The knob across, a line through the medians of each combination of the others, and a point for every run. */
function metricChart(data: PageData, { name, unit }: Metric, knobIndex: number): HTMLElement {
  const knob = data.knobs[knobIndex]
  const places = knob === undefined ? data.runs.map(({ index }) => String(index)) : inOrder(knob)
  const placeOf = (run: RunRecord): number =>
    knob === undefined ? run.index : places.indexOf(run.knobs[knobIndex]!.value)
  const others = (run: RunRecord): string =>
    run.knobs
      .filter((_, index) => index !== knobIndex)
      .map(({ label, value }) => `${label} ${value}`)
      .join(', ')
  const lines: Line[] = []
  let colorIndex = 0
  for (const container of data.containers)
    for (const [rest, runs] of Map.groupBy(data.runs, others)) {
      const index = colorIndex++
      const color = (): string => seriesColor(index)
      const label = [data.containers.length > 1 ? container : '', rest].filter(Boolean).join(', ') || name
      const valuesAt = places.map((_, place) =>
        runs
          .filter(run => placeOf(run) === place)
          .map(run => run.containers[container]?.metrics[name])
          .filter(value => typeof value === 'number'),
      )
      const most = Math.max(...valuesAt.map(values => values.length))
      if (most <= 0) continue
      lines.push({ label: most > 1 ? `${label}, median` : label, values: valuesAt.map(medianOf), color })
      if (most > 1)
        for (let repeat = 0; repeat < most; repeat++)
          lines.push({
            label: `${label}, run ${repeat + 1}`,
            values: valuesAt.map(values => values[repeat] ?? null),
            color,
            style: 'points',
          })
    }
  const title = unit === '' || unit === 'bytes' ? name : `${name}, ${unit}`
  return chart({ title, unit, x: places.map((_, index) => index), lines, places, placesLabel: knob?.label ?? 'run' })
}

/** By their numbers where they are numbers; no limit is the largest. */
function inOrder({ values, numbers }: PageData['knobs'][number]): string[] {
  const rank = (index: number): number => (numbers[index] === -1 ? Number.POSITIVE_INFINITY : numbers[index]!)
  if (numbers.includes(null)) return [...values]
  return values
    .map((value, index) => ({ value, index }))
    .toSorted((a, b) => (rank(a.index) === rank(b.index) ? 0 : rank(a.index) - rank(b.index)))
    .map(({ value }) => value)
}

function medianOf(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted.length === 0 ? null : sorted[Math.ceil(sorted.length / 2) - 1]!
}

function table({ knobs, metrics, containers, runs }: PageData): HTMLElement {
  const several = containers.length > 1
  const head = ['run', ...knobs.map(({ label }) => label), ...(several ? ['container'] : [])]
  const shown = metrics.filter(({ name }) => name !== 'exit')
  const body = element('tbody')
  for (const run of runs)
    for (const [index, container] of containers.entries()) {
      const result = run.containers[container]
      const cells = index === 0 ? [link(run), ...run.knobs.map(({ value }) => value)] : ['', ...run.knobs.map(() => '')]
      body.append(
        element(
          'tr',
          {},
          ...cells.map(cell => element('td', {}, cell)),
          several ? element('td', {}, container) : undefined,
          ...shown.map(({ name, unit }) =>
            element('td', { class: 'number' }, formatValue(result?.metrics[name], unit)),
          ),
          element('td', {}, result === undefined ? '–' : badge(result.exit)),
        ),
      )
    }
  const header = element(
    'tr',
    {},
    ...[...head, ...shown.map(({ name }) => name), 'end'].map(text => element('th', {}, text)),
  )
  return element('div', { class: 'wide' }, element('table', { class: 'runs' }, element('thead', {}, header), body))
}

function link({ index }: RunRecord): HTMLElement {
  return element('a', { href: `#run-${index}` }, String(index))
}
