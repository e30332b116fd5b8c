/** Numbers as people read them. */

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0'
  const power = Math.min(BINARY.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(bytes)) / 10)))
  return `${short(bytes / 2 ** (10 * power))} ${BINARY[power]}`
}

/** Three digits that mean something. */
export function short(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e6 || size < 0.001) return value.toPrecision(3)
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)))
}

export function formatValue(value: number | string | null | undefined, unit: string): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'string') return value
  if (unit === 'bytes') return formatBytes(value)
  return unit === '' ? short(value) : `${short(value)} ${unit}`
}
