/** The containers that end with the machine. */
import { isRestarting } from '../../runtime/state/monitored.ts'
import { containersDirectory, nameOrIdOf } from '../../runtime/state/names.ts'
import { type ContainerRecord, listRecords } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import { stopUntilBoot } from './stop.ts'

/**
 * Before the machine goes down: stops the containers that outlive whoever ran them, all at once and each with its grace
 * period. `startAtBoot` starts those again whose restart policy says so.
 *
 * @param onFailure is told of each that does not end
 * @returns the names of those that have ended, and the ids of those that have none
 */
export async function stopAtShutdown(
  { runRoot = DEFAULT_RUN_ROOT }: Pick<Roots, 'runRoot'>,
  onFailure: (nameOrId: string, error: unknown) => void,
): Promise<string[]> {
  const stateRoot = containersDirectory(runRoot)
  const stopped: string[] = []
  const stop = async (record: ContainerRecord): Promise<void> => {
    const name = nameOrIdOf(record)
    try {
      await stopUntilBoot(record.id, { runRoot })
      stopped.push(name)
    } catch (error) {
      onFailure(name, error)
    }
  }
  await Promise.all(
    listRecords(stateRoot)
      .filter(record => isUp(stateRoot, record))
      .map(stop),
  )
  return stopped
}

/** One in the foreground ends with whoever runs it. */
function isUp(stateRoot: string, record: ContainerRecord): boolean {
  const detached = record.managed?.detached
  if (detached === undefined) return false
  const status = containerStatus(stateRoot, record)
  if (status === 'stopped') return isRestarting(stateRoot, record)
  return status !== 'created' || detached.restarts > 0
}
