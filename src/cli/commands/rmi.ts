import type { Command } from 'commander'
import { removeImage } from '../../index.ts'
import { forEachArgument } from '../flags/each-argument.ts'
import { rootsOf } from '../flags/roots.ts'
import { printable } from '../print/format.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa rmi alpine:3']

export function define(command: Command): void {
  command
    .argument('<IMAGE...>', 'names, ids or their beginnings')
    .option('-f, --force', 'also when a container uses it, and with all its names')
    .action((names: string[], { force = false }: { force?: boolean }) =>
      forEachArgument(names, async name => {
        const { untagged, deleted } = await removeImage(name, { ...rootsOf(command), force })
        for (const each of untagged) writeAll(1, `Untagged: ${printable(each)}\n`)
        if (deleted !== undefined) writeAll(1, `Deleted: ${deleted}\n`)
      }),
    )
}
