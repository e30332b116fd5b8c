import type { Command } from 'commander'
import { stopAtShutdown } from '../engine/by-name/shutdown.ts'
import { failureStatus } from '../runtime/state/exit-status.ts'
import { tellJournal } from './journal-error.ts'
import { rootsOf } from './roots.ts'
import { writeAll } from './write.ts'

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
