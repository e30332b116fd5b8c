/** Flags of commands that list something. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { stringifyJson } from '../../spec/json.ts'
import { STEERING_CHARACTERS } from '../print/format.ts'
import { writeAll } from '../print/write.ts'

export interface FormatFlags {
  readonly format?: 'table' | 'json'
  readonly json?: boolean
}

export interface ListFlags extends FormatFlags {
  readonly quiet?: boolean
}

export function addFormatFlag(command: Command): Command {
  return command
    .addOption(new Option('--format <FORMAT>', 'table or json').choices(['table', 'json']).default('table'))
    .option('--json', 'the same as --format json')
}

export function addListFlags(command: Command): Command {
  return addFormatFlag(command).option('-q, --quiet', 'print ids alone')
}

/** @returns whether the caller wants JSON and has got it */
export function printedAsJson({ format, json }: FormatFlags, value: unknown): boolean {
  if (format !== 'json' && json !== true) return false
  writeAll(1, `${printableJson(value)}\n`)
  return true
}

/** JSON that means the same and cannot steer a terminal: JSON itself escapes only the first 32 control characters. */
export function printableJson(value: unknown): string {
  return escapeSteering(stringifyJson(value, 2))
}

/** @param json of several lines */
export function escapeSteering(json: string): string {
  return json.replace(STEERING_CHARACTERS, character => (character === '\n' ? character : escapeJson(character)))
}

function escapeJson(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
  return units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
