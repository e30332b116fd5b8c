/** A pull as lines of a terminal. */

import { describeRateLimit } from '../../registry/rate-limit.ts'
import { count, formatSize, printable, shortId, truncate } from '../print/format.ts'
import { isFinal, type LayerProgress, type LayerState, type PullState } from './state.ts'

export interface ProgressSize {
  readonly columns: number
  readonly rows: number
}

/** One letter of SGR each, or none for the colour that the terminal has. */
const colors: Readonly<Partial<Record<LayerState, number>>> = {
  waiting: 2,
  downloading: 36,
  verifying: 33,
  unpacking: 33,
  done: 32,
  'already here': 2,
}

const ID_WIDTH = 12
const STATE_WIDTH = 12
const SIZE_WIDTH = 17
const RATE_WIDTH = 11
const BAR_MIN = 10
const BAR_MAX = 40
/** Lines that are not layers: the name, the total, and where the cursor waits. */
const OTHER_LINES = 3
const FIXED_WIDTH = ID_WIDTH + STATE_WIDTH + SIZE_WIDTH + RATE_WIDTH + 4

/** The lines of one drawing, none wider than the terminal and not more than it has. */
export function progressFrame(
  state: PullState,
  { columns, rows }: ProgressSize,
  now: number,
  color: boolean,
): string[] {
  if (state.digest === undefined) return [fit(printable(state.reference), columns)]
  const shown = visible(state.layers, Math.max(1, rows - OTHER_LINES))
  const hidden = state.layers.length - shown.length
  return [
    fit(describePull(state), columns),
    ...shown.map(layer => layerLine(layer, columns, now, color)),
    fit(totalLine(state, hidden, now), columns),
  ]
}

export function describePull({ reference, digest, layers, rateLimit }: PullState): string {
  const left = rateLimit === undefined ? '' : `${describeRateLimit(rateLimit)}, `
  return `${printable(reference)}: ${count(layers.length, 'layer')}, ${left}${digest}`
}

/** When there are more layers than lines: those that move, then those that wait, then those that are done; in their order. */
function visible(layers: readonly LayerProgress[], lines: number): LayerProgress[] {
  if (layers.length <= lines) return [...layers]
  const interest = (layer: LayerProgress): number => (layer.state === 'waiting' ? 1 : isFinal(layer) ? 2 : 0)
  const chosen = new Set(layers.toSorted((a, b) => interest(a) - interest(b)).slice(0, lines))
  return layers.filter(layer => chosen.has(layer))
}

function layerLine(
  { digest, state, current, total, rate }: LayerProgress,
  columns: number,
  now: number,
  color: boolean,
) {
  const label = state.padEnd(STATE_WIDTH)
  const moving = state === 'downloading' || state === 'verifying'
  const sizes = moving ? `${formatSize(current)} / ${formatSize(total)}` : state === 'waiting' ? '' : formatSize(total)
  const speed = state === 'downloading' ? formatRate(rate.at(now)) : ''
  const width = Math.min(BAR_MAX, columns - FIXED_WIDTH)
  const bar = width < BAR_MIN ? '' : moving ? drawBar(current, total, width) : ' '.repeat(width)
  const line = `${shortId(digest)} ${label} ${bar}${sizes.padStart(SIZE_WIDTH)} ${speed.padStart(RATE_WIDTH)}`
  const text = fit(line.trimEnd(), columns)
  const code = colors[state]
  if (!color || code === undefined) return text
  return `${text.slice(0, ID_WIDTH + 1)}\x1b[${code}m${text.slice(ID_WIDTH + 1, ID_WIDTH + 1 + STATE_WIDTH)}\x1b[0m${text.slice(ID_WIDTH + 1 + STATE_WIDTH)}`
}

function totalLine({ layers, done, rate }: PullState, hidden: number, now: number): string {
  const sum = (key: 'current' | 'total'): number => layers.reduce((bytes, layer) => bytes + layer[key], 0)
  const [current, total] = [sum('current'), sum('total')]
  const speed = rate.at(now)
  return [
    `total        ${done} of ${layers.length} done`,
    `${formatSize(current)} / ${formatSize(total)}`,
    ...(speed === undefined || current === total ? [] : [formatRate(speed)]),
    ...(speed === undefined || speed < 1 || current === total
      ? []
      : [`${formatSeconds((total - current) / speed)} left`]),
    ...(hidden === 0 ? [] : [`${hidden} not shown`]),
  ].join(', ')
}

function drawBar(current: number, total: number, width: number): string {
  const inner = width - 2
  const filled = total === 0 ? inner : Math.floor((inner * current) / total)
  const head = filled < inner ? '>' : ''
  return `[${'='.repeat(filled)}${head}${' '.repeat(Math.max(0, inner - filled - head.length))}]`
}

function formatRate(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? '' : `${formatSize(Math.round(bytesPerSecond))}/s`
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** The last column stays free: some terminals begin a new line there. */
function fit(text: string, columns: number): string {
  return truncate(text, Math.max(1, columns - 1))
}
