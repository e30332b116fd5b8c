/** Colours, as the style sheet has them for light and dark. */

export const SERIES_COLORS = 8

export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

export function seriesColor(index: number): string {
  return color(`series-${index % SERIES_COLORS}`)
}

/** What draws with colours draws again when the reader's machine changes between light and dark. */
export function onThemeChange(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
}
