/** Flags of commands that list something. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { writeAll } from './write.ts'

export interface ListFlags {
  readonly format?: 'table' | 'json'
  readonly json?: boolean
  readonly quiet?: boolean
}

export function addListFlags(command: Command): Command {
  return command
    .addOption(new Option('--format <FORMAT>', 'table or json').choices(['table', 'json']).default('table'))
    .option('--json', 'the same as --format json')
    .option('-q, --quiet', 'print ids alone')
}

/** @returns whether the caller wants JSON and has got it */
export function printedAsJson({ format, json }: ListFlags, value: unknown): boolean {
  if (format !== 'json' && json !== true) return false
  writeAll(1, `${JSON.stringify(value, undefined, 2)}\n`)
  return true
}
