/** The table of an experiment: a row for each run. */
import type { LabResults } from './results.ts'

/** RFC 4180, with line feeds alone. Columns of a competitor are called `NAME metric`. */
export function toCsv({ knobs, metrics, containers, runs }: LabResults): string {
  const columns = containers.flatMap(container => metrics.map(({ name }) => ({ container, name })))
  const heading = ({ container, name }: { container: string; name: string }): string =>
    containers.length === 1 ? name : `${container} ${name}`
  const header = ['run', 'repeat', ...knobs.map(({ label }) => label), ...columns.map(heading)]
  const rows = runs.map(run => [
    String(run.index),
    String(run.repeat),
    ...run.knobs.map(({ value }) => value),
    ...columns.map(({ container, name }) => String(run.containers[container]?.metrics[name] ?? '')),
  ])
  return [header, ...rows].map(row => `${row.map(quote).join(',')}\n`).join('')
}

function quote(cell: string): string {
  return /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
