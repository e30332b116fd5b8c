import type { Command } from 'commander'
import { UtsuwaError, updateContainer } from '../../index.ts'
import { containerOptions } from '../container-flags.ts'
import { forEachArgument } from '../each-argument.ts'
import { addLimitFlags, type LimitFlags } from '../limit-flags.ts'
import { rootsOf } from '../roots.ts'
import { writeAll } from '../write.ts'

export const examples = ['utsuwa update --memory 256m --cpus 2 web', 'utsuwa update --cgroup-conf memory.high=200M web']

export function define(command: Command): void {
  addLimitFlags(command)
    .argument('<CONTAINER...>', 'names, ids or their beginnings')
    .action((names: string[], flags: LimitFlags) => {
      const limits = containerOptions(flags, [])
      if (Object.keys(limits).length === 0)
        throw new UtsuwaError('INVALID_ARGUMENT', 'no limit is given', { hint: 'utsuwa update --help' })
      return forEachArgument(names, async name => {
        await updateContainer(name, limits, rootsOf(command))
        writeAll(1, `${name}\n`)
      })
    })
}
