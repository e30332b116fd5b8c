/** The phases of a run, for people and for programs that draw them. */
import { writeFileSync } from 'node:fs'
import { chromeTrace, type Span, type TraceSpan } from '../../index.ts'

const COLUMN = 12

/** One line a phase: when it began and how long it took, in microseconds since this program was started. */
export function formatTimeline(timeline: readonly Span[]): string {
  const line = (begin: string, took: string, name: string): string =>
    `${begin.padStart(COLUMN)}${took.padStart(COLUMN)}  ${name}\n`
  const rows = withProgram(timeline).map(({ name, begin, duration, within }) =>
    line(String(begin), String(duration), within === undefined ? name : `  ${name}`),
  )
  return `${line('at µs', 'took µs', 'phase')}${rows.join('')}`
}

/** @throws a system error when it cannot be written */
export function writeTrace(path: string, timeline: readonly Span[]): void {
  writeFileSync(path, JSON.stringify(chromeTrace([withProgram(timeline)])))
}

/** With what came before: the start of Node and the reading of the command line. */
function withProgram(timeline: readonly Span[]): (TraceSpan & Partial<Pick<Span, 'within'>>)[] {
  return [{ name: 'program', begin: 0, duration: timeline[0]?.begin ?? 0 }, ...timeline]
}
