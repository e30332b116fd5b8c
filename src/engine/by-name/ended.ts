/** The end of a detached container, when its creator may be long gone: what its monitor executes. */

import { isGivenUp, isRemovalAnnounced, isStopRequested } from '../../runtime/state/monitored.ts'
import { containersDirectory } from '../../runtime/state/names.ts'
import { type ContainerRecord, findRecord, type LockedContainer, lockContainer } from '../../runtime/state/record.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import { finishRun } from '../end/finish-run.ts'
import { removeManaged } from './remove.ts'

const LONGEST_DELAY_MS = 60_000

/** A restart that the policy wants. */
export interface RestartAttempt {
  /** 1 for the first one after an end. */
  readonly attempt: number
  /** Milliseconds that were waited before it. */
  readonly delay: number
}

/**
 * To be called by a child of the container's monitor, which is how it proves that the end is this run's. While it fails,
 * or is killed, the monitor calls it again (native/monitor_end.c), so it goes on from wherever the last call came to.
 *
 * @param restart absent unless the restart policy wants it started again
 * @throws what restarting it fails with, written down in its record, and what cleaning up fails with
 */
export async function cleanUpAfter(
  id: string,
  restart: RestartAttempt | undefined,
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots = {},
): Promise<void> {
  const stateRoot = containersDirectory(runRoot)
  if (restart !== undefined && (await startLeftCreated(stateRoot, id))) return
  const record = await finish(runRoot, id)
  if (record?.managed === undefined) return
  const { managed } = record
  if (restart !== undefined && !isGivenUp(managed)) await restartOnce(id, { root, runRoot }, record, restart)
  else if (managed.removeOnExit) await removeManaged(runRoot, id, managed.name, { force: true })
}

async function restartOnce(
  id: string,
  roots: Required<Roots>,
  { managed }: ContainerRecord,
  { attempt, delay }: RestartAttempt,
): Promise<void> {
  const { startAgain } = await import('./start-again.ts')
  try {
    await startAgain(id, roots, {
      restarts: managed!.detached!.restarts + attempt,
      // Each delay is twice the one before.
      restartDelay: Math.min(delay * 2, LONGEST_DELAY_MS),
    })
  } catch (error) {
    await keepFailedRestart(containersDirectory(roots.runRoot), id, attempt, error)
    throw error
  }
}

/** For `why` and `inspect`, as far as there is room. One that came as far as to be created has it as its startFailure. */
async function keepFailedRestart(stateRoot: string, id: string, attempts: number, error: unknown): Promise<void> {
  using container = await lockIfMine(stateRoot, id)
  if (container === undefined) return
  const { startFailureOf } = await import('../../runtime/state/start-failure.ts')
  const record = findRecord(stateRoot, id)!
  const failedRestarts = { attempts, last: startFailureOf(error) }
  try {
    container.write({ ...record, managed: { ...record.managed!, failedRestarts } })
  } catch {
    // What it failed with first says more.
  }
}

/** True when an attempt before this one created the container, and was killed before it could start it. */
async function startLeftCreated(stateRoot: string, id: string): Promise<boolean> {
  const record = findRecord(stateRoot, id)
  if (record === undefined || isMine(record) || (record.managed?.detached?.restarts ?? 0) === 0) return false
  if (containerStatus(stateRoot, record) !== 'created' || isStopRequested(stateRoot, id)) return false
  const { start } = await import('../../runtime/start.ts')
  await start(stateRoot, id)
  return true
}

const isMine = ({ monitor }: ContainerRecord): boolean => monitor?.pid === process.ppid

/** Undefined when there is nothing to do: it is removed, or was started once more by another command. */
async function finish(runRoot: string, id: string): Promise<ContainerRecord | undefined> {
  const stateRoot = containersDirectory(runRoot)
  using container = await lockIfMine(stateRoot, id)
  // Awaited here, because the lock is released when this function returns.
  return container && (await finishRun(runRoot, container, findRecord(stateRoot, id)!))
}

async function lockIfMine(stateRoot: string, id: string): Promise<LockedContainer | undefined> {
  if (isRemovalAnnounced(stateRoot, id) || findRecord(stateRoot, id) === undefined) return undefined
  const container = await lockContainer(stateRoot, id)
  const record = findRecord(stateRoot, id)
  if (record !== undefined && isMine(record)) return container
  container[Symbol.dispose]()
  return undefined
}
