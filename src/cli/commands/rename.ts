import type { Command } from 'commander'
import { renameContainer } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'

export const examples = ['utsuwa rename web web-old']

export function define(command: Command): void {
  command
    .argument('<CONTAINER>', 'name, id or its beginning')
    .argument('<NAME>', 'its new name')
    .action((container: string, name: string) => renameContainer(container, name, rootsOf(command)))
}
