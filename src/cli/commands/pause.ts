import type { Command } from 'commander'
import { pauseContainer } from '../../index.ts'
import { forEachArgument } from '../each-argument.ts'
import { rootsOf } from '../roots.ts'
import { writeAll } from '../write.ts'

export const examples = ['utsuwa pause web']

export function define(command: Command): void {
  command.argument('<CONTAINER...>', 'names, ids or their beginnings').action((names: string[]) =>
    forEachArgument(names, async name => {
      await pauseContainer(name, rootsOf(command))
      writeAll(1, `${name}\n`)
    }),
  )
}
