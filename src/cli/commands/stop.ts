import type { Command } from 'commander'
import { containers, stopContainer } from '../../index.ts'
import { MANY_AT_ONCE, namesOrAll, printEach } from '../flags/each-argument.ts'
import { parseNumber } from '../flags/parse-number.ts'
import { rootsOf } from '../flags/roots.ts'

interface StopFlags {
  readonly all?: boolean
  readonly signal?: string
  readonly time?: number
}

export const examples = ['utsuwa stop web db', 'utsuwa stop -t 60 db', 'utsuwa stop --all']

export function define(command: Command): void {
  command
    .argument('[CONTAINER...]', 'names, ids or their beginnings')
    .option('-t, --time <SECONDS>', 'until they are killed; -1: never (default: 10, or what they have)', parseNumber)
    .option('-s, --signal <SIGNAL>', "signal to send (default: the container's own)")
    .option('-a, --all', 'all that run')
    .action(async (names: string[], { all = false, signal, time: timeout }: StopFlags) => {
      const roots = rootsOf(command)
      const running = async () => (await containers(roots)).filter(({ status }) => /running|paused/.test(status))
      const stop = (name: string) =>
        stopContainer(name, {
          ...roots,
          ...(timeout === undefined ? {} : { timeout }),
          ...(signal === undefined ? {} : { signal }),
        })
      await printEach(await namesOrAll(names, all, running), stop, { atOnce: MANY_AT_ONCE })
    })
}
