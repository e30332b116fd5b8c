/** Moments, as docker's `--since` has them. */

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * `2026-01-02T03:04:05Z`, `2026-01-02`, seconds since 1970, or how long ago: `90s`, `1h30m`.
 * @returns undefined for what is none of these
 */
export function parseMoment(text: string, now: number): Date | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000)
  if (/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)]
    return new Date(now - parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit!]!, 0))
  }
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : undefined
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time
}
