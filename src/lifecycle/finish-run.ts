/** What is left of a run when the container has ended, and is not removed. */
import { releaseNetworkOf, removeCgroupOf } from './delete.ts'
import { tell } from './journal.ts'
import { readExit } from './monitored.ts'
import { containersDirectory } from './names.ts'
import { oomOf } from './outcome.ts'
import type { ContainerRecord, LockedContainer } from './record.ts'

/**
 * Takes away what a run of the container leaves beside its files, and writes down how it ended. Once more is harmless.
 * @returns the record as it is now
 */
export async function finishRun(
  runRoot: string,
  container: LockedContainer,
  record: ContainerRecord,
): Promise<ContainerRecord> {
  const exit = readExit(containersDirectory(runRoot), record.id)
  const isKnown = record.managed?.exit !== undefined
  const oom = isKnown ? false : oomOf(record) !== undefined
  await removeCgroupOf(record)
  await releaseNetworkOf(containersDirectory(runRoot), record)
  if (exit === undefined || isKnown || record.managed === undefined) return record
  const { exitCode, finished } = exit
  const ended = {
    ...record,
    managed: { ...record.managed, exit: { exitCode, oom, finished: new Date(finished).toISOString() } },
  }
  container.write(ended)
  if (oom) tell(runRoot, 'oom', ended)
  tell(runRoot, 'die', ended, { exitCode: String(exitCode) })
  return ended
}
