/**
 * Readers: small composable functions that turn unknown JSON into typed values, or say what was expected and what
 * was found: `args must be a non-empty array of strings, found null [/process/args]`.
 */
import { UtsuwaError } from '../errors.ts'
import { childPointer, pointerName } from './pointer.ts'
import type { Int64 } from './runtime.ts'

export interface Reader<T> {
  /** Completes the sentence "must be …". */
  readonly expected: string
  /** @param pointer where `value` stands in its document */
  read(value: unknown, pointer: string): T
}

/** A member that may be absent; `null` counts as absent, because Go programs write it for an empty pointer. */
export interface OptionalReader<T> {
  readonly optional: Reader<T>
  readonly emptyIsAbsent?: true
}

/** One reader for every member of T; a forgotten member does not compile. */
export type Members<T> = {
  [K in keyof T]-?: object extends Pick<T, K> ? OptionalReader<NonNullable<T[K]>> : Reader<T[K]>
}

export function optional<T>(reader: Reader<T>): OptionalReader<T> {
  return { optional: reader }
}

/** For a string of which Go programs write '' where it is absent. */
export function optionalText<T extends string>(reader: Reader<T>): OptionalReader<T> {
  return { optional: reader, emptyIsAbsent: true }
}

/** The error of all readers. `requirement` continues the name of the member: `must be …`. */
export function specError(requirement: string, pointer: string): UtsuwaError {
  return new UtsuwaError('INVALID_SPEC', `${pointerName(pointer)} ${requirement}`, { configPointer: pointer })
}

function mismatch(expected: string, value: unknown, pointer: string): UtsuwaError {
  return specError(`must be ${expected}, found ${describe(value)}`, pointer)
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  return String(value)
}

/** A reader of the values that `accepts` holds for. */
function matching<T>(expected: string, accepts: (value: unknown) => value is T): Reader<T> {
  return {
    expected,
    read(value, pointer) {
      if (!accepts(value)) throw mismatch(expected, value, pointer)
      return value
    },
  }
}

export const string = matching('a string', value => typeof value === 'string')

export const boolean = matching('true or false', value => typeof value === 'boolean')

/** A string without NUL that passes a further test. */
export function stringThat(expected: string, test: (value: string) => boolean): Reader<string> {
  return matching(
    expected,
    (value): value is string => typeof value === 'string' && !value.includes('\0') && test(value),
  )
}

export const absolutePath = stringThat('an absolute path', value => value.startsWith('/'))

export const nonEmptyString = stringThat('a non-empty string', value => value !== '')

/** cpuset(7), "List format"; no kernel has more CPUs or memory nodes than four digits name. May be empty. */
export const numberList = stringThat('a list of numbers such as 0-3,7', list =>
  /^(\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*)?$/.test(list),
)

/** A string that ends up in an argument of a system call, where NUL would end it early. */
export const kernelString: Reader<string> = {
  expected: string.expected,
  read(value, pointer) {
    const text = string.read(value, pointer)
    if (text.includes('\0')) throw specError('must not contain NUL', pointer)
    return text
  },
}

export function oneOf<const T extends string>(...values: T[]): Reader<T> {
  const allowed: ReadonlySet<unknown> = new Set(values)
  return matching(`one of ${values.join(', ')}`, (value): value is T => allowed.has(value))
}

/** An integer that a number holds exactly. */
export function integer(minimum: number, maximum: number): Reader<number> {
  return matching(
    `an integer from ${minimum} to ${maximum}`,
    (value): value is number =>
      Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum,
  )
}

export const uint32 = integer(0, 0xffff_ffff)

function integer64(expected: string, minimum: bigint, maximum: bigint): Reader<Int64> {
  return matching(expected, (value): value is Int64 => {
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return false
    const integer = BigInt(value as Int64)
    return integer >= minimum && integer <= maximum
  })
}

export const int64 = integer64('a 64-bit integer', -(2n ** 63n), 2n ** 63n - 1n)

export const uint64 = integer64('an unsigned 64-bit integer', 0n, 2n ** 64n - 1n)

export function array<T>(element: Reader<T>, { nonEmpty = false } = {}): Reader<T[]> {
  return {
    get expected() {
      return `${nonEmpty ? 'a non-empty array' : 'an array'} of ${plural(element.expected)}`
    },
    read(value, pointer) {
      if (!Array.isArray(value) || (nonEmpty && value.length === 0)) throw mismatch(this.expected, value, pointer)
      return value.map((item, index) => element.read(item, childPointer(pointer, index)))
    },
  }
}

/** `a string without NUL` → `strings without NUL`. Costly in a process that has used no regular expression yet. */
function plural(expected: string): string {
  return expected.replace(/^(?:an?|one of) /, '').replace(/\b(string|path|integer|object|array)\b/, '$1s')
}

/** An object with any keys, all of whose values are alike. */
export function record<T>(value: Reader<T>, { key = string } = {}): Reader<Record<string, T>> {
  return {
    get expected() {
      return `an object of ${plural(value.expected)}`
    },
    read(json, pointer) {
      if (!isObject(json)) throw mismatch(this.expected, json, pointer)
      // fromEntries defines own properties, so that a key __proto__ is a key like any other
      return Object.fromEntries(
        Object.entries(json).map(([name, member]) => {
          const memberPointer = childPointer(pointer, name)
          key.read(name, memberPointer)
          return [name, value.read(member, memberPointer)]
        }),
      )
    },
  }
}

/**
 * An object with the given members. Others are ignored, as the specification demands; inherited ones do not count.
 *
 * @param check tests what concerns several members at once, by throwing a `specError`
 */
export function object<T extends object>(members: Members<T>, check?: (value: T, pointer: string) => void): Reader<T> {
  const entries = Object.entries(members) as [string, Reader<unknown> | OptionalReader<unknown>][]
  return {
    expected: 'an object',
    read(json, pointer) {
      if (!isObject(json)) throw mismatch('an object', json, pointer)
      const result: Record<string, unknown> = {}
      for (const [name, reader] of entries) {
        const value = Object.hasOwn(json, name) ? json[name] : undefined
        if ('read' in reader) result[name] = reader.read(value, childPointer(pointer, name))
        else if (value !== undefined && value !== null && !(value === '' && reader.emptyIsAbsent)) {
          result[name] = reader.optional.read(value, childPointer(pointer, name))
        }
      }
      check?.(result as T, pointer)
      return result as T
    },
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Refuses two elements with the same key; `what` names an element: `namespace`. */
export function refuseDuplicates<T>(
  elements: readonly T[] | undefined,
  keyOf: (element: T) => string,
  what: string,
  pointer: string,
): void {
  const seen = new Set<string>()
  for (const [index, element] of (elements ?? []).entries()) {
    const key = keyOf(element)
    if (seen.has(key)) throw specError(`is a duplicate ${what} ${key}`, childPointer(pointer, index))
    seen.add(key)
  }
}
