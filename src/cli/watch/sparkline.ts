/** A row of small bars, a column for each sample. */
import type { LineSpan, Tone } from './line.ts'

export interface SparkSeries {
  /** The newest last; undefined where nothing is known. */
  readonly values: readonly (number | undefined)[]
  /** What a full bar stands for. */
  readonly top: number
  readonly toneOf: (value: number) => Tone
}

/** From nothing to the top, in eighths. */
const BLOCKS = '▁▂▃▄▅▆▇█'
const LETTERS = '_.:-=+*#'

/** @returns `width` columns, the newest at the right, neighbours of one tone together */
export function drawSparkline({ values, top, toneOf }: SparkSeries, width: number, ascii: boolean): LineSpan[] {
  const bars = ascii ? LETTERS : BLOCKS
  const shown = values.slice(-width)
  const spans: { text: string; tone: Tone }[] = [{ text: ' '.repeat(width - shown.length), tone: 'plain' }]
  for (const value of shown) {
    const text = value === undefined ? ' ' : bars[heightOf(value, top, bars.length)]!
    const tone = value === undefined ? 'plain' : toneOf(value)
    const last = spans.at(-1)!
    if (last.tone === tone) last.text += text
    else spans.push({ text, tone })
  }
  return spans.filter(({ text }) => text !== '')
}

function heightOf(value: number, top: number, heights: number): number {
  if (top <= 0) return 0
  return Math.max(0, Math.min(heights - 1, Math.ceil((value / top) * heights) - 1))
}
