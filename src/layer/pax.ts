/**
 * PAX records (POSIX pax, "extended header"): `length key=value\n`, where the length counts the whole record.
 *
 * They are read as bytes. A value may hold newlines, NUL and what is no UTF-8: `SCHILY.xattr.security.capability` does.
 */
import { KERNEL_LIMITS, limitExceeded } from './limits.ts'
import { corrupt } from './path.ts'

export type PaxRecords = Map<string, Buffer>

/** In front of the name of an extended attribute. */
export const XATTR_PREFIX = 'SCHILY.xattr.'

const SPACE = 0x20
const EQUALS = 0x3d
const NEWLINE = 0x0a
/** No record is a billion bytes long. */
const MAX_LENGTH_DIGITS = 9
/** Bytes of the longest key that means anything to us. */
const MAX_KEY = XATTR_PREFIX.length + KERNEL_LIMITS.attributeName

/**
 * Adds those records of an extended header's body to `into` whose key is `wanted`: views of the body. A later record
 * replaces an earlier one.
 *
 * @throws UtsuwaError CORRUPT_LAYER, LIMIT_EXCEEDED for an attribute whose name is too long
 */
export function readPaxRecords(body: Buffer, into: PaxRecords, wanted: (key: string) => boolean): void {
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(SPACE, at)
    const digits = space < 0 || space - at > MAX_LENGTH_DIGITS ? '' : body.toString('latin1', at, space)
    const end = at + Number(digits)
    const equals = body.indexOf(EQUALS, space)
    if (!/^\d+$/.test(digits) || end > body.length || equals < 0 || equals >= end || body[end - 1] !== NEWLINE) {
      throw corrupt('an extended header is malformed')
    }
    const key = body.toString('utf8', space + 1, Math.min(equals, space + 2 + MAX_KEY))
    if (equals - space - 1 <= MAX_KEY) {
      if (wanted(key)) into.set(key, body.subarray(equals + 1, end - 1))
    } else if (key.startsWith(XATTR_PREFIX)) {
      const { attributeName } = KERNEL_LIMITS
      throw limitExceeded(`an attribute whose name is longer than ${attributeName} bytes`, attributeName)
    }
    at = end
  }
}

/** A record as a binary string; an empty one counts as absent, which is how POSIX takes back a global record. */
export function paxString(records: PaxRecords, key: string): string | undefined {
  const value = records.get(key)
  return value === undefined || value.length === 0 ? undefined : value.toString('latin1')
}

/** @throws UtsuwaError CORRUPT_LAYER when it is there but no decimal number from 0 */
export function paxInteger(records: PaxRecords, key: string): number | undefined {
  const text = paxString(records, key)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw corrupt(`extended header ${key} is not a number`)
  return value
}

export interface Time {
  /** Since the epoch; negative before it. */
  seconds: number
  /** On top of `seconds`, 0 to 999,999,999. */
  nanoseconds: number
}

/** `1350244992.023960108`, digits after the ninth cut off. */
export function paxTime(records: PaxRecords, key: string): Time | undefined {
  const text = paxString(records, key)
  if (text === undefined) return undefined
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text) ?? []
  if (whole === '') throw corrupt(`extended header ${key} is not a time`)
  const nanoseconds = Number(fraction.padEnd(9, '0').slice(0, 9))
  if (sign !== '-') return { seconds: Number(whole), nanoseconds }
  return nanoseconds === 0
    ? { seconds: -Number(whole), nanoseconds: 0 }
    : { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds }
}
