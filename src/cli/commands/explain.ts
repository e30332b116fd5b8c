import type { Command } from 'commander'
import { explainProcess } from '../../index.ts'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { describeProcess } from '../print/describe-process.ts'
import { screenOf } from '../print/text-screen.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa explain web', 'utsuwa explain $$', 'utsuwa explain --json 1']

export function define(command: Command): void {
  addFormatFlag(command)
    .argument('<CONTAINER>', 'a running container, or the number of any process of this machine')
    .action(async (target: string, flags: FormatFlags) => {
      const answer = await explainProcess(target, rootsOf(command))
      if (!printedAsJson(flags, answer)) writeAll(1, describeProcess(answer, screenOf(process.stdout)))
    })
}
