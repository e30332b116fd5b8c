import type { Command } from 'commander'
import { UtsuwaError, updateContainer } from '../../index.ts'
import { containerOptions } from '../flags/container-flags.ts'
import { printEach } from '../flags/each-argument.ts'
import { addLimitFlags, type LimitFlags } from '../flags/limit-flags.ts'
import { rootsOf } from '../flags/roots.ts'

export const examples = ['utsuwa update --memory 256m --cpus 2 web', 'utsuwa update --cgroup-conf memory.high=200M web']

export function define(command: Command): void {
  addLimitFlags(command)
    .argument('<CONTAINER...>', 'names, ids or their beginnings')
    .action((names: string[], flags: LimitFlags) => {
      const limits = containerOptions(flags, [])
      if (Object.keys(limits).length === 0)
        throw new UtsuwaError('INVALID_ARGUMENT', 'no limit is given', { hint: 'utsuwa update --help' })
      return printEach(names, name => updateContainer(name, limits, rootsOf(command)))
    })
}
