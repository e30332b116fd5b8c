/** What a terminal can show, as far as its environment says. */

export type Environment = Readonly<Record<string, string | undefined>>

/** https://no-color.org: set and not empty. */
export function hasColor(env: Environment = process.env): boolean {
  return (env.NO_COLOR ?? '') === '' && !isDumb(env)
}

/** One that cannot move its cursor, or of which nothing is known. */
export function isDumb(env: Environment = process.env): boolean {
  return (env.TERM ?? 'dumb') === 'dumb'
}

/** Whether characters beyond ASCII arrive: the character set of the locale, as setlocale(3) chooses it. */
export function isUtf8(env: Environment = process.env): boolean {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find(value => value !== undefined && value !== '')
  return /utf-?8/i.test(locale ?? '')
}
