import type { Command } from 'commander'
import { pauseContainer } from '../../index.ts'
import { printEach } from '../flags/each-argument.ts'
import { rootsOf } from '../flags/roots.ts'

export const examples = ['utsuwa pause web']

export function define(command: Command): void {
  command
    .argument('<CONTAINER...>', 'names, ids or their beginnings')
    .action((names: string[]) => printEach(names, name => pauseContainer(name, rootsOf(command))))
}
