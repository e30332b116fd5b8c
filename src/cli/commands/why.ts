import type { Command } from 'commander'
import { why } from '../../index.ts'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { describeWhy } from '../print/describe-why.ts'
import { screenOf } from '../print/text-screen.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa why web', 'utsuwa why --json web']

export function define(command: Command): void {
  addFormatFlag(command)
    .argument('<CONTAINER>', 'name, id or its beginning')
    .action(async (name: string, flags: FormatFlags) => {
      const answer = await why(name, rootsOf(command))
      if (!printedAsJson(flags, answer)) writeAll(1, describeWhy(answer, screenOf(process.stdout)))
    })
}
