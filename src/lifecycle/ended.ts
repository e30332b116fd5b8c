/** The end of a detached container, when its creator may be long gone: what its monitor becomes. */
import { finishRun } from './finish-run.ts'
import { isRemovalAnnounced, type MonitoredExit, readExit } from './monitored.ts'
import { containersDirectory } from './names.ts'
import { type ContainerRecord, type DetachedRecord, findRecord, lockContainer } from './record.ts'
import { removeManaged } from './remove.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from './roots.ts'

const LONGEST_DELAY_MS = 60_000

/**
 * To be called by the process that was the container's monitor, which is how it proves that the end is this run's.
 * @param restart whether the restart policy wants it started again
 */
export async function cleanUpAfter(
  id: string,
  restart: boolean,
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots = {},
): Promise<void> {
  const stateRoot = containersDirectory(runRoot)
  const record = await finish(runRoot, id)
  if (record?.managed === undefined) return
  const { managed } = record
  // As with docker, one that cannot be executed is not tried again.
  if (restart && managed.startFailure === undefined) {
    const { startAgain } = await import('./start-again.ts')
    await startAgain(id, { root, runRoot }, nextRestart(managed.detached!, readExit(stateRoot, id)))
  } else if (managed.removeOnExit) await removeManaged(runRoot, id, managed.name, { force: true })
}

type Restart = Pick<DetachedRecord, 'restarts' | 'restartDelay'>

/** Each delay is twice the one before, up to a minute; a run of 10 s has counted as the first (native/monitor_end.c). */
function nextRestart({ restarts, restartDelay }: Restart, exit: MonitoredExit | undefined): Restart {
  const delay = exit?.delay ?? restartDelay
  return { restarts: restarts + 1, restartDelay: Math.min(delay * 2, LONGEST_DELAY_MS) }
}

/** Undefined when there is nothing to do: it is removed, or was started once more by somebody else. */
async function finish(runRoot: string, id: string): Promise<ContainerRecord | undefined> {
  const stateRoot = containersDirectory(runRoot)
  if (isRemovalAnnounced(stateRoot, id)) return undefined
  using container = await lockContainer(stateRoot, id)
  const record = findRecord(stateRoot, id)
  if (record?.monitor?.pid !== process.pid) return undefined
  return finishRun(runRoot, container, record)
}
