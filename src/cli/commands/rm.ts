import type { Command } from 'commander'
import { removeContainer } from '../../index.ts'
import { forEachArgument } from '../each-argument.ts'
import { rootsOf } from '../roots.ts'
import { writeAll } from '../write.ts'

export const examples = ['utsuwa rm web', 'utsuwa rm -f web db']

export function define(command: Command): void {
  command
    .argument('<CONTAINER...>', 'names, ids or their beginnings')
    .option('-f, --force', 'kill it first')
    .action((names: string[], { force = false }: { force?: boolean }) =>
      forEachArgument(names, async name => {
        await removeContainer(name, { ...rootsOf(command), force })
        writeAll(1, `${name}\n`)
      }),
    )
}
