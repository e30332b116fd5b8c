/** An experiment on the terminal: a bar that is drawn over, or lines elsewhere; and its results as a table. */
import type { LabProgress, LabResults, RunRecord } from '../../index.ts'
import { formatBinarySize, printable, truncate } from './format.ts'
import { formatTable } from './table.ts'
import { writeAll } from './write.ts'

export interface LabProgressDisplay {
  show(event: LabProgress): void
  /** Leaves the cursor on a line of its own; may be called twice. */
  end(): void
}

const BAR_WIDTH = 30
/** EL of ECMA-48: what is left of the line goes. */
const ERASE = '\r\u001B[K'

/** On standard error, which a terminal may be while the output is a file. */
export function openLabProgress(): LabProgressDisplay {
  const isTerminal = process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  return isTerminal ? new Bar() : { show: printLine, end: () => undefined }
}

class Bar implements LabProgressDisplay {
  #isDrawn = false
  readonly #began = Date.now()

  show(event: LabProgress): void {
    const { total } = event
    const done = event.kind === 'started' ? event.run.index : event.run.index + 1
    const filled = Math.floor((BAR_WIDTH * done) / total)
    const bar = `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}]`
    const text = `${bar} ${done}/${total} ${knobsOf(event)}${done === total ? '' : this.#left(done, total)}`
    writeAll(2, `${ERASE}${truncate(printable(text), (process.stderr.columns || 80) - 1)}`)
    this.#isDrawn = true
  }

  end(): void {
    if (this.#isDrawn) writeAll(2, ERASE)
    this.#isDrawn = false
  }

  #left(done: number, total: number): string {
    if (done === 0) return ''
    const seconds = ((Date.now() - this.#began) / done / 1000) * (total - done)
    return `, ${Math.ceil(seconds)} s left`
  }
}

function printLine(event: LabProgress): void {
  if (event.kind === 'started') return
  const { run, total } = event
  const ends = Object.entries(run.containers).map(([name, { exit }]) => (name === 'main' ? exit : `${name} ${exit}`))
  writeAll(2, `${printable(`run ${run.index + 1} of ${total}: ${knobsOf(event)}: ${ends.join(', ')}`)}\n`)
}

function knobsOf({ run: { knobs, repeat } }: LabProgress): string {
  return [
    ...knobs.map(({ label, value }) => `${label} ${value}`),
    ...(repeat > 0 ? [`again (${repeat + 1})`] : []),
  ].join(', ')
}

/** A row for each container of each run. */
export function formatLabResults({ knobs, metrics, containers, runs }: LabResults): string {
  const several = containers.length > 1
  const header = [
    'RUN',
    ...knobs.map(({ label }) => label),
    ...(several ? ['CONTAINER'] : []),
    ...metrics.map(({ name }) => name),
  ]
  const rows = runs.flatMap(run => containers.map(container => rowOf(run, container, several, metrics)))
  return formatTable(
    header.map(text => text.toUpperCase()),
    rows.map(row => row.map(printable)),
  )
}

function rowOf(run: RunRecord, container: string, several: boolean, metrics: LabResults['metrics']): string[] {
  return [
    String(run.index),
    ...run.knobs.map(({ value }) => value),
    ...(several ? [container] : []),
    ...metrics.map(({ name, unit }) => formatMetric(run.containers[container]?.metrics[name] ?? null, unit)),
  ]
}

function formatMetric(value: number | string | null, unit: string): string {
  if (value === null) return '-'
  if (typeof value === 'string') return value
  if (unit === 'bytes') return formatBinarySize(value)
  return `${Number(value.toPrecision(4))}${unit === '' ? '' : ` ${unit}`}`
}
