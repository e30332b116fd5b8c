import type { Command } from 'commander'
import { restartContainer } from '../../index.ts'
import { MANY_AT_ONCE, printEach } from '../flags/each-argument.ts'
import { parseNumber } from '../flags/parse-number.ts'
import { rootsOf } from '../flags/roots.ts'

interface RestartFlags {
  readonly signal?: string
  readonly time?: number
}

export const examples = ['utsuwa restart web', 'utsuwa restart -t 60 db']

export function define(command: Command): void {
  command
    .argument('<CONTAINER...>', 'names, ids or their beginnings')
    .option('-t, --time <SECONDS>', 'until they are killed; -1: never (default: 10, or what they have)', parseNumber)
    .option('-s, --signal <SIGNAL>', "signal that stops them (default: the container's own)")
    .action((names: string[], { signal, time: timeout }: RestartFlags) =>
      printEach(
        names,
        name =>
          restartContainer(name, {
            ...rootsOf(command),
            ...(timeout === undefined ? {} : { timeout }),
            ...(signal === undefined ? {} : { signal }),
          }),
        { atOnce: MANY_AT_ONCE },
      ),
    )
}
