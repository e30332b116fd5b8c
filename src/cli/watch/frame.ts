/** The live view as lines of a terminal of a given size. */
import { formatDuration, printable, shortId } from '../print/format.ts'
import { describeHit, formatClock, type Happening, type History, isGrave } from './history.ts'
import { lengthOf, renderLine, span, type WatchLine } from './line.ts'
import { type Row, rowsOf } from './rows.ts'
import { drawSparkline } from './sparkline.ts'

export interface FrameSize {
  readonly columns: number
  readonly rows: number
}

export interface FrameStyle {
  readonly color: boolean
  readonly ascii: boolean
}

/** What is shown. */
export interface WatchedContainer {
  readonly id: string
  readonly name: string | undefined
  /** Milliseconds since 1970; undefined where it is not known. */
  readonly started: number | undefined
  readonly history: History
  /** Seconds between two columns. */
  readonly interval: number
  /** The last lines that the container has printed; undefined where they go elsewhere. */
  readonly output: readonly string[] | undefined
}

const LABEL_WIDTH = 10
/** Less of a curve is none. */
const CURVE_MIN = 8
const CURVE_WISHED = 14
const FIGURES_MIN = 15
const FIGURES_MAX = 36
/** With so many lines to spare, groups of rows are set apart. */
const SPARE_LINES = 10
/** A heading and three lines are what events and output have at least, where there are any. */
const PANE_MIN = 4

/** As many lines as the terminal has, at most, and none wider. The last column stays free: erasing a full line's rest would take it. */
export function watchFrame(watched: WatchedContainer, size: FrameSize, style: FrameStyle, now: number): string[] {
  const columns = Math.max(1, size.columns - 1)
  const { history, output } = watched
  const panes = output === undefined ? 1 : 2
  const roomForRows = Math.max(1, size.rows - 1 - Math.min(panes * PANE_MIN, Math.floor(size.rows / 3)))
  const chosen = choose(rowsOf(history, columns), roomForRows)
  const table = tableOf(chosen, columns, style.ascii, roomForRows - chosen.length >= SPARE_LINES)
  const room = size.rows - 1 - table.length
  const eventRoom =
    output === undefined ? room : Math.min(Math.ceil(room / 2), 1 + Math.max(1, history.happenings.length))
  const lines = [
    titleOf(watched, columns, now),
    ...table,
    ...eventLines(history.happenings, columns, eventRoom, style.ascii),
    ...(output === undefined ? [] : outputLines(output, columns, room - eventRoom, style.ascii)),
  ]
  return lines.slice(0, size.rows).map(line => renderLine(line, columns, style.color))
}

export function watchedName({ id, name }: Pick<WatchedContainer, 'id' | 'name'>): string {
  return name === undefined ? shortId(id) : printable(name)
}

function titleOf(watched: WatchedContainer, columns: number, now: number): WatchLine {
  const { id, name, started, interval, history } = watched
  const age = started === undefined ? '' : `, up ${formatDuration(Math.max(0, now - started))}`
  const left = span(`${watchedName(watched)}${history.last?.frozen ? ' (paused)' : ''}`, 'title')
  const middle = span(`${name === undefined ? '' : ` ${shortId(id)}`}${age}`)
  const right = `a column is ${interval} s, q leaves`
  const gap = columns - lengthOf([left, middle]) - right.length
  return gap < 2 ? [left, middle] : [left, middle, span(`${' '.repeat(gap)}${right}`, 'quiet')]
}

/** The rows that matter most, in their order. */
function choose(rows: readonly Row[], room: number): Row[] {
  const chosen = new Set(rows.toSorted((a, b) => a.rank - b.rank).slice(0, room))
  return rows.filter(row => chosen.has(row))
}

function tableOf(rows: readonly Row[], columns: number, ascii: boolean, apart: boolean): WatchLine[] {
  const widest = Math.max(0, ...rows.flatMap(({ figures, series }) => (series === undefined ? [] : figures.length)))
  const share = Math.max(FIGURES_MIN, columns - LABEL_WIDTH - CURVE_WISHED)
  const figuresWidth = Math.min(widest, FIGURES_MAX, share) + 2
  const curveWidth = columns - LABEL_WIDTH - figuresWidth
  const withCurve = curveWidth >= CURVE_MIN
  return rows.flatMap((row, at) => {
    const { label, figures, series, group } = row
    const line: WatchLine =
      series === undefined
        ? [span(label.padEnd(LABEL_WIDTH)), span(cut(figures, columns - LABEL_WIDTH), 'quiet')]
        : [
            span(label.padEnd(LABEL_WIDTH), 'title'),
            span(withCurve ? cut(figures, figuresWidth - 1).padEnd(figuresWidth) : cut(figures, columns - LABEL_WIDTH)),
            ...(withCurve ? drawSparkline(series, curveWidth, ascii) : []),
          ]
    return apart && at > 0 && rows[at - 1]!.group !== group ? [[], line] : [line]
  })
}

function eventLines(happenings: readonly Happening[], columns: number, room: number, ascii: boolean): WatchLine[] {
  if (room < 1) return []
  const shown = room === 1 ? [] : happenings.slice(1 - room)
  const hidden = happenings.length - shown.length
  const title = happenings.length === 0 ? 'no events yet' : hidden === 0 ? 'events' : `events, ${hidden} more before`
  return [
    heading(title, columns, ascii),
    ...shown.map(happening => [
      span(`${formatClock(happening.until)}  `, 'quiet'),
      span(describeHappening(happening), isGrave(happening) ? 'bad' : 'warning'),
    ]),
  ]
}

function describeHappening(happening: Happening): string {
  const [since, until] = [formatClock(happening.since), formatClock(happening.until)]
  return `${describeHit(happening)}${since === until ? '' : `, since ${since}`}`
}

function outputLines(output: readonly string[], columns: number, room: number, ascii: boolean): WatchLine[] {
  if (room < 2) return []
  return [
    heading(output.length === 0 ? 'no output yet' : 'output', columns, ascii),
    ...output.slice(1 - room).map(line => [span(line)]),
  ]
}

function heading(title: string, columns: number, ascii: boolean): WatchLine {
  const dash = ascii ? '-' : '─'
  return [span(`${dash}${dash} ${title} ${dash.repeat(Math.max(0, columns - title.length - 4))}`, 'quiet')]
}

/** Figures that do not fit are left out whole: half a number is a wrong one. */
function cut(figures: string, width: number): string {
  if (figures.length <= width) return figures
  const end = figures.lastIndexOf('  ', width)
  return figures.slice(0, end < 0 ? width : end).trimEnd()
}
