import type { Command } from 'commander'
import { cleanUpAfter } from '../lifecycle/ended.ts'
import { rootsOf } from './roots.ts'

/** What the monitor of a container executes when the container has ended. */
export function define(command: Command): void {
  command
    .argument('<ID>')
    .argument('[RESTART]')
    .action((id: string, restart: string | undefined) => cleanUpAfter(id, restart === 'restart', rootsOf(command)))
}
