import type { Command } from 'commander'
import { containers, killContainer } from '../../index.ts'
import { namesOrAll, printEach } from '../flags/each-argument.ts'
import { rootsOf } from '../flags/roots.ts'

interface KillFlags {
  readonly all?: boolean
  readonly signal: string
}

export const examples = ['utsuwa kill web', 'utsuwa kill -s HUP web']

export function define(command: Command): void {
  command
    .argument('[CONTAINER...]', 'names, ids or their beginnings')
    .option('-s, --signal <SIGNAL>', 'name or number (default: KILL)', 'KILL')
    .option('-a, --all', 'all that run')
    .action(async (names: string[], { all = false, signal }: KillFlags) => {
      const roots = rootsOf(command)
      const running = async () => (await containers(roots)).filter(({ status }) => /running|paused/.test(status))
      await printEach(await namesOrAll(names, all, running), name => killContainer(name, signal, roots))
    })
}
