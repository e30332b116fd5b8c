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
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UtsuwaError('INVALID_SPEC', `not valid JSON: ${reason}`, { operation: `parse ${what}`, cause })
  }
}

const keepBigInteger: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value
