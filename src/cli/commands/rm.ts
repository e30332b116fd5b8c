import type { Command } from 'commander'
import { containers, removeContainer } from '../../index.ts'
import { MANY_AT_ONCE, namesOrAll, printEach } from '../flags/each-argument.ts'
import { rootsOf } from '../flags/roots.ts'
import { reportWarning } from '../print/report.ts'

interface RmFlags {
  readonly all?: boolean
  readonly force?: boolean
  readonly volumes?: boolean
}

export const examples = ['utsuwa rm web', 'utsuwa rm -f web db', 'utsuwa rm --all']

export function define(command: Command): void {
  command
    .argument('[CONTAINER...]', 'names, ids or their beginnings')
    .option('-f, --force', 'kill them first')
    .option('-a, --all', 'all that have stopped; with --force all that there are')
    .option('-v, --volumes', 'remove the volumes without a name that were made for them, too')
    .action(async (names: string[], { all = false, force = false, volumes = false }: RmFlags) => {
      const roots = rootsOf(command)
      const removable = async () => (await containers(roots)).filter(({ status }) => force || status === 'stopped')
      const remove = (name: string) => removeContainer(name, { ...roots, force, volumes, onWarning: reportWarning })
      await printEach(await namesOrAll(names, all, removable), remove, { atOnce: MANY_AT_ONCE })
    })
}
