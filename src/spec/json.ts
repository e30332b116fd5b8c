/** JSON without losing bits: cgroup values and seccomp arguments are 64-bit integers, a number holds 53. */
import { UtsuwaError } from '../errors.ts'

/** What JSON.parse hands to a reviver since V8 11.4 (Node 21): the literal as it stands in the text. */
type ReviverContext = { source?: string }

type Reviver = (this: unknown, key: string, value: unknown, context: ReviverContext) => unknown

const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown

/** Only a literal of 16 or more digits can exceed what a number holds exactly; most documents have none. */
const MAY_HAVE_BIG_INTEGER = /\d{16}/

/**
 * Parses JSON text; an integer that a number cannot hold exactly becomes a bigint.
 *
 * A `__proto__` key becomes an ordinary own property, as JSON.parse does it.
 *
 * @param what names the text in the error: `config.json`
 * @throws UtsuwaError INVALID_SPEC when the text is not JSON
 */
export function parseJson(text: string, what = 'document'): unknown {
  try {
    return MAY_HAVE_BIG_INTEGER.test(text) ? parseWithSource(text, keepBigInteger) : JSON.parse(text)
  } catch (cause) {
    // V8 quotes the text around the error, line breaks included
    const reason = (cause instanceof Error ? cause.message : String(cause)).replaceAll(/[\s\p{Cc}]+/gu, ' ')
    throw new UtsuwaError('INVALID_SPEC', `not valid JSON: ${reason}`, { operation: `parse ${what}`, cause })
  }
}

const keepBigInteger: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value

/** JSON.rawJSON, of the same V8 as the reviver's context: text that is put out as it is. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/**
 * JSON text of a value that may hold bigints, which JSON.stringify refuses.
 *
 * @param indent spaces for each level; everything on one line when 0
 */
export function stringifyJson(value: unknown, indent = 0): string {
  try {
    // Most have none, and without a function for each member it takes a fifth of the time.
    return JSON.stringify(value, undefined, indent)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return JSON.stringify(
      value,
      (_key, member) => (typeof member === 'bigint' ? rawJSON(String(member)) : member),
      indent,
    )
  }
}
