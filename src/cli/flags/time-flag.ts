/** Moments that people give: `--since`, `--until`. */
import { InvalidArgumentError } from 'commander'

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * RFC 3339, seconds since 1970, or how long ago: `10m`, `1h30m`. For commander.
 * @returns milliseconds since 1970
 */
export function parseTime(text: string, now = Date.now()): number {
  if (/^\d{6,}(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^(\d+(\.\d+)?[smhd])+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)]
    return now - parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0)
  }
  const time = Date.parse(text)
  if (!Number.isNaN(time)) return time
  throw new InvalidArgumentError(
    'It must be a time such as 2026-01-31T12:00:00Z, seconds since 1970, or 10m for that long ago.',
  )
}
