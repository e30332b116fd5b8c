/** Bar charts as SVG, for pages that are read in a browser or on a forge. */

export interface Bar {
  readonly label: string
  readonly value: number
}

const WIDTH = 720
const LABELS = 150
const VALUES = 90
const ROW = 26
const BAR = 16
const TITLE = 34

/** Horizontal bars from 0, the first of which is utsuwa's and stands out. */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const largest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  const rows = bars.map(({ label, value }, index) => {
    const y = TITLE + index * ROW
    const width = Math.max(1, (value / largest) * (WIDTH - LABELS - VALUES))
    const text = `y="${y + BAR - 3}" font-size="13"`
    return [
      `<text x="${LABELS - 8}" ${text} text-anchor="end">${escapeXml(label)}</text>`,
      `<rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${index === 0 ? '#b4532a' : '#9aa5b1'}"/>`,
      `<text x="${(LABELS + width + 6).toFixed(1)}" ${text}>${formatNumber(value)}</text>`,
    ].join('')
  })
  const height = TITLE + bars.length * ROW + 4
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="8" y="20" font-size="14" font-weight="bold">${escapeXml(`${title}, ${unit}`)}</text>`,
    ...rows,
    '</svg>\n',
  ].join('\n')
}

/** Three digits that mean something. */
export function formatNumber(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
