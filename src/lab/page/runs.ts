/** Each run over time: what it used against its limits, and what happened when. */
import type { PageData } from '../page.ts'
import type { RunRecord } from '../results.ts'
import { badge, element } from './element.ts'
import { timeCharts } from './time-charts.ts'

/** Runs that are open from the start; the others are drawn when they are opened. */
const OPEN = 3

export function runSection(data: PageData): HTMLElement {
  const runs = data.runs.map((run, index) => ({ run, view: runView(data, run, index < OPEN) }))
  const filters = data.knobs.map(({ label, values }, index) => {
    const select = element('select', {}, element('option', { value: '' }, 'all'), ...values.map(optionOf))
    select.addEventListener('change', () => filter())
    return { index, select, label: element('label', {}, `${label} `, select) }
  })
  const filter = (): void => {
    for (const { run, view } of runs)
      view.hidden = filters.some(({ index, select }) => select.value !== '' && run.knobs[index]!.value !== select.value)
  }
  return element(
    'section',
    {},
    element('h2', {}, 'Runs'),
    runs.length > OPEN && filters.length > 0
      ? element('p', { class: 'filters' }, ...filters.map(({ label }) => label))
      : undefined,
    ...runs.map(({ view }) => view),
  )
}

function optionOf(value: string): HTMLElement {
  return element('option', { value }, value)
}

function runView(data: PageData, run: RunRecord, open: boolean): HTMLElement {
  const knobs = run.knobs.map(({ label, value }) =>
    element('span', { class: 'knob' }, `${label} `, element('b', {}, value)),
  )
  const ends = data.containers.flatMap(name => {
    const result = run.containers[name]
    if (result === undefined) return []
    return [element('span', {}, data.containers.length > 1 ? `${name} ` : '', badge(result.exit))]
  })
  const summary = element('summary', {}, element('b', {}, `Run ${run.index}`), ...knobs, ...ends)
  const view = element('details', { class: 'run', id: `run-${run.index}` }, summary)
  let drawn = false
  const draw = (): void => {
    if (drawn || !view.open) return
    drawn = true
    view.append(element('div', { class: 'plots' }, ...timeCharts(data, run)), ...outputs(run))
  }
  view.addEventListener('toggle', draw)
  view.open = open
  draw()
  addEventListener('hashchange', () => {
    if (location.hash === `#${view.id}`) view.open = true
  })
  return view
}

function outputs({ containers }: RunRecord): HTMLElement[] {
  return Object.entries(containers)
    .filter(([, { output }]) => output.trim() !== '')
    .map(([name, { output }]) =>
      element('details', { class: 'output' }, element('summary', {}, `Output of ${name}`), element('pre', {}, output)),
    )
}
