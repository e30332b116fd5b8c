/** A plot: lines over time or over values of a knob, and marks of events. */
import uPlot from 'uplot'
import { color, onThemeChange } from './colors.ts'
import { element } from './element.ts'
import { formatBytes, short } from './numbers.ts'

export interface Line {
  readonly label: string
  readonly values: readonly (number | null)[]
  /** Looked up when it is drawn. */
  readonly color: () => string
  readonly style?: 'line' | 'area' | 'dashed' | 'points'
  /** Drawn where it fits, but the plot does not grow for it: a limit that is far away. */
  readonly outside?: boolean
}

export interface EventMark {
  readonly x: number
  readonly label: string
  readonly color: () => string
  /** Across the whole plot; others are ticks at its upper edge. */
  readonly isLoud: boolean
}

export interface ChartOptions {
  readonly title: string
  readonly unit: string
  readonly x: readonly number[]
  readonly lines: readonly Line[]
  readonly marks?: readonly EventMark[]
  /** Names of the places 0, 1, 2, … of the x axis; without them it is time in seconds. */
  readonly places?: readonly string[]
  readonly placesLabel?: string
  /** Plots of one group show the same moment. */
  readonly group?: string
}

const HEIGHT = 200
/** 2^0 … 2^49: axes of bytes have ticks at 16 MiB rather than at 20 million. */
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power)

/** The figure; it is drawn once it is in the document, and again when its width changes. */
export function chart(options: ChartOptions): HTMLElement {
  const place = element('div', { class: 'plot' })
  const figure = element('figure', {}, element('figcaption', {}, options.title), place)
  let plot: uPlot | undefined
  const draw = (): void => {
    plot?.destroy()
    plot = new uPlot(uplotOptions(options, place.clientWidth), dataOf(options), place)
  }
  const fit = (): void => {
    if (place.clientWidth === 0) return
    if (plot === undefined) draw()
    else if (plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: HEIGHT })
  }
  // Not at once: a change of size from within an observer of sizes is an error in browsers.
  new ResizeObserver(() => requestAnimationFrame(fit)).observe(place)
  onThemeChange(() => {
    if (plot !== undefined) draw()
  })
  return figure
}

function dataOf({ x, lines }: ChartOptions): uPlot.AlignedData {
  return [x, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData
}

function uplotOptions(options: ChartOptions, width: number): uPlot.Options {
  const { unit, lines, places, group } = options
  const format = (value: number): string => (unit === 'bytes' || unit === 'bytes/s' ? formatBytes(value) : short(value))
  const suffix = unit === 'bytes' ? '' : unit === 'bytes/s' ? '/s' : unit && ` ${unit}`
  const axis = { stroke: color('muted'), grid: { stroke: color('grid'), width: 1 }, ticks: { stroke: color('grid') } }
  return {
    width,
    height: HEIGHT,
    padding: [12, 12, null, null],
    cursor: { ...(group !== undefined && { sync: { key: group } }), drag: { x: places === undefined, y: false } },
    legend: { live: true },
    scales: {
      x: { time: false, range: (_, low, high) => xRange(places, low, high) },
      y: { range: () => [0, highest(lines)] },
    },
    axes: [
      {
        ...axis,
        label: places === undefined ? 'seconds' : options.placesLabel!,
        labelSize: 18,
        size: 34,
        ...(places !== undefined && {
          splits: () => places.map((_, index) => index),
          values: (_, splits) => splits.map(index => places[index] ?? ''),
          grid: { show: false },
        }),
      },
      {
        ...axis,
        size: unit.startsWith('bytes') ? 72 : 52,
        values: (_, splits) => splits.map(format),
        ...(unit.startsWith('bytes') && { incrs: BINARY_STEPS }),
      },
    ],
    series: [
      {
        label: places === undefined ? 'time' : options.placesLabel!,
        value: (_, value) =>
          value === null || value === undefined
            ? ''
            : places === undefined
              ? `${value.toFixed(2)} s`
              : (places[value] ?? ''),
      },
      ...lines.map(line => seriesOf(line, value => `${format(value)}${suffix}`)),
    ],
    hooks: { draw: [plot => drawMarks(plot, options.marks ?? [])] },
  }
}

function xRange(places: readonly string[] | undefined, low: number, high: number): [number, number] {
  if (places !== undefined) return [-0.5, places.length - 0.5]
  return low === high ? [low, low + 1] : [low, high]
}

function highest(lines: readonly Line[]): number {
  const most = lines
    .filter(({ outside }) => outside !== true)
    .reduce((top, { values }) => values.reduce<number>((max, value) => Math.max(max, value ?? 0), top), 0)
  return most === 0 ? 1 : most * 1.08
}

function seriesOf({ label, color: colorOf, style = 'line' }: Line, format: (value: number) => string): uPlot.Series {
  const stroke = colorOf()
  const isPoints = style === 'points'
  return {
    label,
    stroke,
    width: isPoints ? 0 : style === 'dashed' ? 1 : 1.5,
    value: (_, value) => (value === null || value === undefined ? '' : format(value)),
    spanGaps: true,
    ...(style === 'area' && { fill: `color-mix(in srgb, ${stroke} 15%, transparent)` }),
    ...(style === 'dashed' && { dash: [6, 4] }),
    points: isPoints ? { show: true, size: 7, stroke, fill: stroke } : { show: style === 'line' ? undefined! : false },
    ...(isPoints && { paths: () => null, class: 'unnamed' }),
  }
}

function drawMarks(plot: uPlot, marks: readonly EventMark[]): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`
  let labelled = Number.NEGATIVE_INFINITY
  for (const { x, label, color: colorOf, isLoud } of marks) {
    const left = plot.valToPos(x, 'x', true)
    if (left < bbox.left || left > bbox.left + bbox.width) continue
    ctx.strokeStyle = colorOf()
    ctx.fillStyle = colorOf()
    ctx.lineWidth = (isLoud ? 1.5 : 1) * devicePixelRatio
    ctx.beginPath()
    ctx.moveTo(left, bbox.top)
    ctx.lineTo(left, bbox.top + (isLoud ? bbox.height : 8 * devicePixelRatio))
    ctx.stroke()
    if (!isLoud || left - labelled < 60 * devicePixelRatio) continue
    labelled = left
    const fits = left + ctx.measureText(label).width + 6 < bbox.left + bbox.width
    ctx.textAlign = fits ? 'left' : 'right'
    ctx.fillText(label, left + (fits ? 4 : -4) * devicePixelRatio, bbox.top + 26 * devicePixelRatio)
  }
  ctx.restore()
}
