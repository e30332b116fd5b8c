import type { Command } from 'commander'
import { startAtBoot } from '../../engine/by-name/boot.ts'
import { rootsOf } from '../flags/roots.ts'
import { tellJournal } from '../print/journal-error.ts'
import { writeAll } from '../print/write.ts'

/**
 * What utsuwa.service executes when the machine has started. It succeeds even where a container does not start: a unit
 * that has failed is not stopped with the machine, which would then kill all other containers.
 */
export function define(command: Command): void {
  command.action(async () => {
    const started = await startAtBoot(rootsOf(command), (nameOrId, error) => {
      tellJournal(`container ${nameOrId} does not start`, error)
    })
    writeAll(1, started.map(nameOrId => `${nameOrId}\n`).join(''))
  })
}
