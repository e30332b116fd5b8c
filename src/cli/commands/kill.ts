import type { Command } from 'commander'
import { containers, killContainer } from '../../index.ts'
import { forEachArgument, namesOrAll } from '../each-argument.ts'
import { rootsOf } from '../roots.ts'
import { writeAll } from '../write.ts'

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
      await forEachArgument(await namesOrAll(names, all, running), async name => {
        killContainer(name, signal, roots)
        writeAll(1, `${name}\n`)
      })
    })
}
