/**
 * Flags in every form that runc accepts, because engines and scripts use them all: `--flag value`, `--flag=value`,
 * `-flag value`. A command declares its flags in a table, from which the types of their values follow.
 */
import { UtsuwaError } from '../../errors.ts'

export interface Flag {
  /** One letter. */
  readonly short?: string
  /** Name of its value in the help; without one the flag is a switch. */
  readonly value?: string
  /** May be given several times; the values are kept in their order. */
  readonly many?: true
  readonly help: string
}

export type FlagTable = Readonly<Record<string, Flag>>

/** `true` or `false` for a switch, text or nothing for a flag with a value, a list for one that may come often. */
export type FlagValues<Table extends FlagTable> = {
  readonly [Name in keyof Table]: FlagValue<Table[Name]>
}

type FlagValue<F extends Flag> = F extends { readonly many: true }
  ? readonly string[]
  : F extends { readonly value: string }
    ? string | undefined
    : boolean

export interface ParsedFlags<Table extends FlagTable> {
  readonly flags: FlagValues<Table>
  /** What is no flag, in its order. */
  readonly rest: string[]
}

export interface ParseOptions {
  /** Everything from the first word that is no flag on is left alone: a command with flags of its own. Default: false. */
  readonly stopAtFirstWord?: boolean
}

const switchValues: Readonly<Record<string, boolean>> = {
  true: true,
  TRUE: true,
  True: true,
  t: true,
  T: true,
  '1': true,
  false: false,
  FALSE: false,
  False: false,
  f: false,
  F: false,
  '0': false,
}

/** @throws UtsuwaError INVALID_ARGUMENT */
export function parseFlags<Table extends FlagTable>(
  table: Table,
  words: readonly string[],
  { stopAtFirstWord = false }: ParseOptions = {},
): ParsedFlags<Table> {
  const flags: Record<string, string | boolean | string[] | undefined> = {}
  for (const [name, { value, many }] of Object.entries(table))
    flags[name] = many ? [] : value === undefined ? false : undefined
  const rest: string[] = []
  const pending = [...words]
  for (let word = pending.shift(); word !== undefined; word = pending.shift()) {
    if (word === '--') return { flags: flags as FlagValues<Table>, rest: [...rest, ...pending] }
    const [, given, inline] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? []
    if (given !== undefined) {
      const name = findFlag(table, given)
      if (table[name]?.value === undefined) flags[name] = switchValue(given, inline)
      else {
        const value = inline ?? next(given, pending)
        const earlier = flags[name]
        flags[name] = Array.isArray(earlier) ? [...earlier, value] : value
      }
    } else if (stopAtFirstWord) return { flags: flags as FlagValues<Table>, rest: [word, ...pending] }
    else rest.push(word)
  }
  return { flags: flags as FlagValues<Table>, rest }
}

function findFlag(table: FlagTable, given: string): string {
  if (Object.hasOwn(table, given)) return given
  const name = Object.keys(table).find(key => table[key]?.short === given)
  if (name === undefined) throw usageError(`flag provided but not defined: -${given}`)
  return name
}

function switchValue(name: string, inline: string | undefined): boolean {
  if (inline === undefined) return true
  const value = switchValues[inline]
  if (value === undefined) throw usageError(`invalid boolean value ${JSON.stringify(inline)} for -${name}`)
  return value
}

function next(name: string, pending: string[]): string {
  const value = pending.shift()
  if (value === undefined) throw usageError(`flag needs an argument: -${name}`)
  return value
}

export function usageError(reason: string): UtsuwaError {
  return new UtsuwaError('INVALID_ARGUMENT', reason)
}

/** A line for each flag, for the help. */
export function describeFlags(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, { short, value, help }]) => {
    const names = [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]
    return [names.map(flag => (value === undefined ? flag : `${flag} ${value}`)).join(', '), help] as const
  })
  const width = Math.max(...rows.map(([names]) => names.length))
  return rows.map(([names, help]) => `   ${names.padEnd(width)}  ${help}\n`).join('')
}
