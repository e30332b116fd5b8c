import type { Command } from 'commander'
import { why } from '../../index.ts'
import { describeWhy } from '../describe-why.ts'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../output-format.ts'
import { rootsOf } from '../roots.ts'
import { screenOf } from '../text-screen.ts'
import { writeAll } from '../write.ts'

export const examples = ['utsuwa why web', 'utsuwa why --json web']

export function define(command: Command): void {
  addFormatFlag(command)
    .argument('<CONTAINER>', 'name, id or its beginning')
    .action(async (name: string, flags: FormatFlags) => {
      const answer = await why(name, rootsOf(command))
      if (!printedAsJson(flags, answer)) writeAll(1, describeWhy(answer, screenOf(process.stdout)))
    })
}
