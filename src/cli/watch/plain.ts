/** The live view where lines cannot be drawn over: one for each column, and one for each thing that happens. */
import { describeHit, formatClock, type History, type Hit } from './history.ts'
import { rowsOf } from './rows.ts'

export function plainHits(hits: readonly Hit[], at: number): string[] {
  return hits.map(hit => `${formatClock(at)} ${describeHit(hit)}`)
}

export function plainColumn(history: History, at: number): string {
  const figures = rowsOf(history, 1).flatMap(({ label, figures, series }) =>
    series === undefined || label === '' ? [] : `${label} ${figures.replaceAll('  ', ' ')}`,
  )
  return `${formatClock(at)} ${figures.join(' | ')}`
}
