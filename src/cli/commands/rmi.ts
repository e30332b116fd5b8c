import type { Command } from 'commander'
import { removeImage } from '../../index.ts'
import { forEachArgument } from '../each-argument.ts'
import { printable } from '../format.ts'
import { rootsOf } from '../roots.ts'
import { writeAll } from '../write.ts'

export function define(command: Command): void {
  command
    .argument('<IMAGE...>', 'names, ids or their beginnings')
    .option('-f, --force', 'also when a container uses it')
    .action((names: string[], { force = false }: { force?: boolean }) =>
      forEachArgument(names, async name => {
        const { reference } = await removeImage(name, { ...rootsOf(command), force })
        writeAll(1, `Removed: ${printable(reference)}\n`)
      }),
    )
}
