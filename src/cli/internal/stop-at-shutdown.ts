import type { Command } from 'commander'
import { stopAtShutdown } from '../../engine/by-name/shutdown.ts'
import { failureStatus } from '../../util/exit-status.ts'
import { rootsOf } from '../flags/roots.ts'
import { tellJournal } from '../print/journal-error.ts'
import { writeAll } from '../print/write.ts'

/** What utsuwa.service executes before the machine goes down. */
export function define(command: Command): void {
  command.action(async () => {
    const stopped = await stopAtShutdown(rootsOf(command), (nameOrId, error) => {
      process.exitCode = failureStatus(error)
      tellJournal(`container ${nameOrId} does not stop`, error)
    })
    writeAll(1, stopped.map(nameOrId => `${nameOrId}\n`).join(''))
  })
}
