import type { Command } from 'commander'
import { startAtBoot } from '../lifecycle/boot.ts'
import { reportError } from './report.ts'
import { rootsOf } from './roots.ts'
import { writeAll } from './write.ts'

/** What utsuwa.service executes when the machine has started. */
export function define(command: Command): void {
  command.action(async () => {
    const started = await startAtBoot(rootsOf(command), (id, error) => {
      writeAll(2, `utsuwa: container ${id} does not start\n`)
      process.exitCode = reportError(error)
    })
    writeAll(1, started.map(id => `${id}\n`).join(''))
  })
}
