/** Sizes and times for people, in docker's words. */

export { formatBinarySize, formatCompactSize, formatSize } from '../../util/sizes.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const steps = [
  [365 * DAY, 'year'],
  [30 * DAY, 'month'],
  [7 * DAY, 'week'],
  [DAY, 'day'],
  [HOUR, 'hour'],
  [MINUTE, 'minute'],
  [SECOND, 'second'],
] as const

/** `3 minutes`, `1 day`; for less than a second `less than a second`. */
export function formatDuration(milliseconds: number): string {
  const step = steps.find(([length]) => milliseconds >= length)
  if (step === undefined) return 'less than a second'
  return count(Math.floor(milliseconds / step[0]), step[1])
}

/** `1 layer`, `2 layers` */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** Undefined and what is no date: `N/A`. @param time RFC 3339 */
export function formatAge(time: string | undefined, now: number): string {
  const then = time === undefined ? Number.NaN : Date.parse(time)
  return Number.isNaN(then) ? 'N/A' : `${formatDuration(now - then)} ago`
}

/** Cuts text to a width, with a mark where something is missing. */
export function truncate(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}

/** Docker's short form of an id or digest. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12)
}

/** Control and format characters, and separators of lines. */
export const STEERING_CHARACTERS = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/**
 * Names of images come from registries, commands from images: neither may steer the terminal, nor make text look like
 * other text by turning its direction.
 */
export function printable(text: string): string {
  return text.replace(STEERING_CHARACTERS, '\uFFFD')
}

/** The same of several lines, which stay lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}
