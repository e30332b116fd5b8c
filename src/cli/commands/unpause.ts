import type { Command } from 'commander'
import { resumeContainer } from '../../index.ts'
import { printEach } from '../flags/each-argument.ts'
import { rootsOf } from '../flags/roots.ts'

export const examples = ['utsuwa unpause web']

export function define(command: Command): void {
  command
    .argument('<CONTAINER...>', 'names, ids or their beginnings')
    .action((names: string[]) => printEach(names, name => resumeContainer(name, rootsOf(command))))
}
