import type { Command } from 'commander'
import { prune } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'
import { formatSize, printable } from '../print/format.ts'
import { writeAll } from '../print/write.ts'
import { confirm } from '../terminal/prompt.ts'

interface PruneFlags {
  readonly all?: boolean
  readonly force?: boolean
}

export const examples = ['utsuwa prune', 'utsuwa prune --all --force']

export function define(command: Command): void {
  command
    .option('-a, --all', 'also images that have a name, unless a container uses them')
    .option('-f, --force', 'do not ask')
    .action(async ({ all = false, force = false }: PruneFlags) => {
      if (all && !force && !(await confirm('This removes all images that no container uses. Continue?'))) return
      const { images, reclaimed } = await prune({ ...rootsOf(command), all })
      for (const { untagged, deleted } of images) {
        for (const name of untagged) writeAll(1, `Untagged: ${printable(name)}\n`)
        writeAll(1, `Deleted: ${deleted}\n`)
      }
      writeAll(1, `Total reclaimed space: ${formatSize(reclaimed)}\n`)
    })
}
