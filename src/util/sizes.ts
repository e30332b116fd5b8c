/** Sizes for people. */

const DECIMAL_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
const BINARY_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `4860000` → `4.86MB`, in docker's words. */
export function formatSize(bytes: number): string {
  return scale(bytes, 1000, DECIMAL_UNITS).join('')
}

/** `67108864` → `64 MiB`: what limits are given in. */
export function formatBinarySize(bytes: number): string {
  return scale(bytes, 1024, BINARY_UNITS).join(' ')
}

/** `67108864` → `64MiB`: where there is no room for a space. */
export function formatCompactSize(bytes: number): string {
  return formatBinarySize(bytes).replace(' bytes', 'B').replace(' ', '')
}

function scale(value: number, base: number, units: readonly string[]): [string, string] {
  let unit = 0
  for (; value >= base && unit < units.length - 1; unit++) value /= base
  return [String(Number(value.toPrecision(3))), units[unit]!]
}
