/** A value of unknown shape and where it stands, read part by part. */
import type { UtsuwaError } from '../errors.ts'

/** Keys and indices that lead to a value. */
export type Path = readonly (string | number)[]

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Each method gives the value as what it asks for, or throws the failure that says what it is instead. */
export class FieldReader {
  readonly #value: unknown
  readonly #path: Path
  readonly #fail: (path: Path, reason: string) => UtsuwaError

  constructor(value: unknown, path: Path, fail: (path: Path, reason: string) => UtsuwaError) {
    this.#value = value
    this.#path = path
    this.#fail = fail
  }

  failure(reason: string, key?: string): UtsuwaError {
    return this.#fail(key === undefined ? this.#path : [...this.#path, key], reason)
  }

  isList(): boolean {
    return Array.isArray(this.#value)
  }

  isRecord(): boolean {
    return typeof this.#value === 'object' && this.#value !== null && !this.isList()
  }

  /** That it is a mapping with these keys and no others. */
  keys(known: readonly string[]): void {
    for (const [key, each] of this.entries())
      if (!known.includes(key)) throw each.failure(`unknown key; known are ${known.join(', ')}`)
  }

  entries(): [string, FieldReader][] {
    if (!this.isRecord()) throw this.#isNot('a mapping')
    return Object.entries(this.#value as object).map(([key, value]) => [key, this.#below(key, value)])
  }

  /** Undefined where there is nothing. */
  optional<T>(key: string, read: (reader: FieldReader) => T): T | undefined {
    const value = this.isRecord() ? (this.#value as Record<string, unknown>)[key] : undefined
    return value === undefined || value === null ? undefined : read(this.#below(key, value))
  }

  required<T>(key: string, read: (reader: FieldReader) => T): T {
    const found = this.optional(key, reader => ({ value: read(reader) }))
    if (found === undefined) throw this.failure(`${key} is missing`)
    return found.value
  }

  list(): FieldReader[] {
    if (!Array.isArray(this.#value)) throw this.#isNot('a list')
    return this.#value.map((value, index) => this.#below(index, value))
  }

  text(): string {
    if (typeof this.#value !== 'string' || this.#value === '') throw this.#isNot('text')
    return this.#value
  }

  /** Text or a number, as text. */
  word(): string {
    return typeof this.#value === 'number' ? String(this.#value) : this.text()
  }

  wholeNumber(least: number): number {
    if (!Number.isSafeInteger(this.#value) || (this.#value as number) < least)
      throw this.#isNot(`a whole number of at least ${least}`)
    return this.#value as number
  }

  /** `10ms`, `1.5s`, `2m`; a number is seconds. At least a millisecond. */
  milliseconds(): number {
    const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?) ?(ms|s|m|h)?$/.exec(String(this.#value)) ?? []
    const milliseconds = Number(digits) * UNITS_MS[unit]!
    if (!(milliseconds >= 1 && milliseconds < 2 ** 31)) throw this.#isNot('a time such as 10ms, 1.5s or 2m')
    return milliseconds
  }

  oneOf<T extends string>(known: readonly T[]): T {
    const found = known.find(each => each === this.#value)
    if (found === undefined) throw this.#isNot(`one of ${known.join(', ')}`)
    return found
  }

  /** Words, or one text that a shell reads. */
  command(): string[] {
    if (!this.isList()) return ['/bin/sh', '-c', this.text()]
    const words = this.list().map(each => each.word())
    if (words.length === 0) throw this.#isNot('a command')
    return words
  }

  /** A regular expression with one group. */
  pattern(): RegExp {
    const source = this.#value instanceof RegExp ? this.#value.source : this.text()
    let pattern: RegExp
    try {
      pattern = new RegExp(source, 'gm')
    } catch (error) {
      throw this.failure(error instanceof Error ? error.message : String(error))
    }
    const groups = new RegExp(`${source}|`).exec('')!.length - 1
    if (groups !== 1) throw this.failure(`it needs one group, which matches the number: '(\\d+) requests'`)
    return pattern
  }

  #isNot(what: string): UtsuwaError {
    const found = JSON.stringify(this.#value) ?? String(this.#value)
    return this.failure(`must be ${what}, found ${found.length > 60 ? `${found.slice(0, 60)}…` : found}`)
  }

  #below(key: string | number, value: unknown): FieldReader {
    return new FieldReader(value, [...this.#path, key], this.#fail)
  }
}
