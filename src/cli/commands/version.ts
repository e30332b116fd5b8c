import type { Command } from 'commander'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../flags/output-format.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'
import { commit, version } from '../version.ts'

export const examples = ['utsuwa version', 'utsuwa version --format json']

export function define(command: Command): void {
  addFormatFlag(command).action((flags: FormatFlags) => {
    const versions = { utsuwa: version, commit, node: process.versions.node, machine: `linux/${process.arch}` }
    if (!printedAsJson(flags, versions)) writeAll(1, formatTable(['PART', 'VERSION'], Object.entries(versions)))
  })
}
