import type { Command } from 'commander'
import { createVolume, inspectVolume, pruneVolumes, removeVolume, type Volume, volumes } from '../../index.ts'
import { collectPair } from '../flags/collect.ts'
import { forEachArgument, printEach } from '../flags/each-argument.ts'
import { addListFlags, type ListFlags, printableJson, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { formatSize } from '../print/format.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'
import { confirm } from '../terminal/prompt.ts'

export const examples = [
  'utsuwa volume create data',
  'utsuwa run --rm -v data:/data localhost:5000/debian:test touch /data/kept',
  'utsuwa volume prune',
]

export function define(command: Command): void {
  defineList(command)
  defineCreate(command)
  defineInspect(command)
  defineRemove(command)
  definePrune(command)
}

function defineList(parent: Command): void {
  const command = parent.command('ls').alias('list').description('list volumes')
  addListFlags(command).action(async (flags: ListFlags) => {
    const list = await volumes(rootsOf(command))
    if (flags.quiet) writeAll(1, list.map(({ name }) => `${name}\n`).join(''))
    else if (!printedAsJson(flags, list.map(describe)))
      writeAll(
        1,
        formatTable(
          ['DRIVER', 'VOLUME NAME'],
          list.map(({ name }) => ['local', name]),
        ),
      )
  })
}

function defineCreate(parent: Command): void {
  const command = parent.command('create').description('make a volume; one that is there stays as it is')
  command
    .argument('[NAME]', 'default: 64 hexadecimal digits')
    .option('-l, --label <NAME=VALUE>', 'label', collectPair)
    .action(async (name: string | undefined, { label }: { label?: Record<string, string> }) => {
      const options = { ...rootsOf(command), ...(name && { name }), ...(label && { labels: label }) }
      writeAll(1, `${(await createVolume(options)).name}\n`)
    })
}

function defineInspect(parent: Command): void {
  const command = parent.command('inspect').description('print all that is known of volumes')
  command.argument('<NAME...>', 'volumes').action(async (names: string[]) => {
    const found: object[] = []
    await forEachArgument(names, async name => void found.push(describe(await inspectVolume(name, rootsOf(command)))))
    writeAll(1, `${printableJson(found)}\n`)
  })
}

function defineRemove(parent: Command): void {
  const command = parent.command('rm').alias('remove').description('remove volumes and what is in them')
  command
    .argument('<NAME...>', 'volumes')
    .option('-f, --force', 'also those of containers that have ended; one that is not there is fine')
    .action((names: string[], { force = false }: { force?: boolean }) =>
      printEach(names, name => removeVolume(name, { ...rootsOf(command), force })),
    )
}

function definePrune(parent: Command): void {
  const command = parent.command('prune').description('remove volumes that no container uses')
  command
    .option('-a, --all', 'also those that were given a name')
    .option('-f, --force', 'do not ask')
    .action(async ({ all = false, force = false }: { all?: boolean; force?: boolean }) => {
      const which = all ? 'every volume' : 'every volume without a name'
      if (!force && !(await confirm(`Remove ${which} that no container uses, with what is in it?`))) return
      const pruned = await pruneVolumes({ ...rootsOf(command), all })
      writeAll(1, pruned.volumes.map(name => `${name}\n`).join(''))
      writeAll(1, `Total reclaimed space: ${formatSize(pruned.reclaimed)}\n`)
    })
}

/** Docker's names of things, which scripts look for. */
function describe({ name, mountpoint, created, labels }: Volume): object {
  return { Name: name, Driver: 'local', Mountpoint: mountpoint, CreatedAt: created, Labels: labels, Scope: 'local' }
}
