import type { Command } from 'commander'
import { resumeContainer } from '../../index.ts'
import { forEachArgument } from '../each-argument.ts'
import { rootsOf } from '../roots.ts'
import { writeAll } from '../write.ts'

export const examples = ['utsuwa unpause web']

export function define(command: Command): void {
  command.argument('<CONTAINER...>', 'names, ids or their beginnings').action((names: string[]) =>
    forEachArgument(names, async name => {
      await resumeContainer(name, rootsOf(command))
      writeAll(1, `${name}\n`)
    }),
  )
}
