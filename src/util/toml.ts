/**
 * The part of TOML 1.0 that hosts.toml is written in: tables, dotted and quoted keys, strings of one line, integers,
 * booleans and arrays. What else TOML has (dates, floats, inline tables, arrays of tables, long strings) is refused by
 * name and line rather than read wrongly.
 */
import { UtsuwaError } from '../errors.ts'

export type TomlValue = string | number | boolean | TomlValue[] | TomlTable
/** Without a prototype; its members are in the order of the file. */
export interface TomlTable {
  [key: string]: TomlValue
}

/** @throws UtsuwaError INVALID_SPEC with the line number */
export function parseToml(text: string): TomlTable {
  return new Parser(text).document()
}

export function isTomlTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value)
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  '"': '"',
  '\\': '\\',
}

const newTable = (): TomlTable => Object.create(null)

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): TomlTable {
    const top = newTable()
    /** Tables that a header opened: each may be opened once. */
    const opened = new Set<TomlTable>()
    let current = top
    for (this.#skipBlank(); this.#at < this.#text.length; this.#skipBlank()) {
      if (this.#text.startsWith('[[', this.#at)) throw this.#error('arrays of tables are not supported')
      if (this.#take(/\[/y) === undefined) this.#assign(current)
      else {
        current = this.#descend(top, this.#key())
        this.#expect(/[ \t]*\]/y, ']')
        if (opened.has(current)) throw this.#error('the table is there twice')
        opened.add(current)
      }
      this.#expect(/[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y, 'the end of the line')
    }
    return top
  }

  #assign(table: TomlTable): void {
    const path = this.#key()
    const name = path.pop()!
    const target = this.#descend(table, path)
    this.#expect(/[ \t]*=[ \t]*/y, '=')
    if (name in target) throw this.#error(`${name} is there twice`)
    target[name] = this.#value()
  }

  #descend(from: TomlTable, path: readonly string[]): TomlTable {
    let table = from
    for (const name of path) {
      table[name] ??= newTable()
      const next = table[name]
      if (!isTomlTable(next)) throw this.#error(`${name} is no table`)
      table = next
    }
    return table
  }

  #key(): string[] {
    const path: string[] = []
    do {
      this.#take(/[ \t]+/y)
      path.push(this.#take(/[A-Za-z0-9_-]+/y) ?? this.#string() ?? this.#fail('expected a key'))
    } while (this.#take(/[ \t]*\./y) !== undefined)
    return path
  }

  #value(): TomlValue {
    const text = this.#string()
    if (text !== undefined) return text
    if (this.#take(/\[/y) !== undefined) return this.#array()
    const word = this.#take(/[^\s,\]#]+/y) ?? this.#fail('expected a value')
    if (word === 'true' || word === 'false') return word === 'true'
    if (/^[+-]?\d+(?:_\d+)*$/.test(word)) return Number(word.replaceAll('_', ''))
    throw this.#error(`${word}: values of this kind are not supported`)
  }

  #array(): TomlValue[] {
    const values: TomlValue[] = []
    for (;;) {
      this.#skipBlank()
      if (this.#take(/\]/y) !== undefined) return values
      values.push(this.#value())
      this.#skipBlank()
      if (this.#take(/,/y) !== undefined) continue
      this.#expect(/\]/y, ', or ]')
      return values
    }
  }

  #string(): string | undefined {
    if (/"""|'''/y.test(this.#text.slice(this.#at, this.#at + 3)))
      throw this.#error('strings of several lines are not supported')
    const literal = this.#take(/'[^'\n]*'/y)
    if (literal !== undefined) return literal.slice(1, -1)
    const basic = this.#take(/"(?:[^"\\\n]|\\.)*"/y)
    return basic?.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/g, (_, escaped: string) => {
      if (escaped.length > 1) return String.fromCodePoint(Number.parseInt(escaped.slice(1), 16))
      return ESCAPES[escaped] ?? this.#fail(`no such escape: \\${escaped}`)
    })
  }

  #skipBlank(): void {
    this.#take(/(?:\s|#[^\n]*)+/y)
  }

  #expect(pattern: RegExp, what: string): void {
    if (this.#take(pattern) === undefined) throw this.#error(`expected ${what}`)
  }

  /** What matches at this place, which is then passed. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #fail(reason: string): never {
    throw this.#error(reason)
  }

  #error(reason: string): UtsuwaError {
    const line = this.#text.slice(0, this.#at).split('\n').length
    return new UtsuwaError('INVALID_SPEC', `line ${line}: ${reason}`, { operation: 'parse TOML' })
  }
}
