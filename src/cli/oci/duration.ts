/** Durations as Go's programs take them: `500ms`, `5s`, `1m30s`. */
import { usageError } from './flags.ts'

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** @returns milliseconds, more than 0; @throws UtsuwaError INVALID_ARGUMENT */
export function parseDuration(text: string, name: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smh]))+$/.test(text))
    throw usageError(`invalid value ${JSON.stringify(text)} for flag -${name}: a duration is like 500ms, 5s or 1m30s`)
  const parts = [...text.matchAll(/([\d.]+)(ms|[smh])/g)]
  const duration = parts.reduce((sum, [, number, unit]) => sum + Number(number) * MILLISECONDS[unit!]!, 0)
  if (duration <= 0) throw usageError(`duration ${name} must be greater than 0`)
  return duration
}
