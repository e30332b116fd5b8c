import type { Command } from 'commander'
import { cleanUpAfter } from '../../engine/by-name/ended.ts'
import { parseNumber } from '../flags/parse-number.ts'
import { rootsOf } from '../flags/roots.ts'

/**
 * What the monitor of a container executes when the container has ended, and again while it fails. ATTEMPT counts the
 * restarts that are tried after this end, DELAY is how long the monitor has waited before this one, in milliseconds.
 */
export function define(command: Command): void {
  command
    .argument('<ID>')
    .argument('[RESTART]')
    .argument('[ATTEMPT]', '', parseNumber)
    .argument('[DELAY]', '', parseNumber)
    .action((id: string, restart?: 'restart', attempt = 1, delay = 0) =>
      cleanUpAfter(id, restart && { attempt, delay }, rootsOf(command)),
    )
}
