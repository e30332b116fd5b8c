/** What stays of a container that is not removed at its end: its files, and a record of how it ended or why it did not start. */
import { isUtsuwaError } from '../../errors.ts'
import { releaseResources } from '../../runtime/delete.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { type ContainerRecord, type LockedContainer, lockContainer, readRecord } from '../../runtime/state/record.ts'
import { withStartFailure } from '../../runtime/state/start-failure.ts'
import { failureStatus } from '../../util/exit-status.ts'
import type { Outcome } from './outcome.ts'

/** Options of `create`: what stays of a container. */
export interface KeepOptions {
  /** Remove the container when it has ended. Default: false for `create`, true for `run`. */
  readonly removeOnExit?: boolean
  /**
   * Without `removeOnExit`, keep the container also when it cannot be launched or its command cannot be executed: as one
   * that has ended, for `why`, and to be started again. Default: false; nothing of it is left.
   */
  readonly keepUnstarted?: boolean
  /** Ends whatever is under way and kills the container; the promise in flight rejects with ABORTED. */
  readonly signal?: AbortSignal
  /**
   * Told what could not be removed or given back when the container had ended: its command has a result all the same.
   * Default: nobody is told; `containers` tries again and tells its own `onWarning`.
   */
  readonly onWarning?: (warning: unknown) => void
}

export function keepsUnstarted({ removeOnExit, keepUnstarted, signal }: KeepOptions): boolean {
  return keepUnstarted === true && !removeOnExit && !signal?.aborted
}

/**
 * Of one in the foreground. Nothing happens when somebody has removed it by force.
 * @throws what giving back what it has fails with, when how it ended is written down
 */
export async function keepEnded(
  stateRoot: string,
  record: ContainerRecord,
  { exitCode, oom, signal }: Pick<Outcome, 'exitCode' | 'oom' | 'signal'>,
  onWarning?: (warning: unknown) => void,
): Promise<void> {
  using container = await lockUnlessRemoved(stateRoot, record.id)
  if (container === undefined) return
  // Loaded when needed: most containers of programs are removed with their end.
  const { collectPostMortem, writePostMortem } = await import('./post-mortem.ts')
  const finished = new Date().toISOString()
  writePostMortem(container.directory, collectPostMortem(record, signal, finished))
  try {
    await releaseResources(stateRoot, record, onWarning)
  } finally {
    const exit = { exitCode, oom: oom !== undefined, finished }
    // As it is now: it may have been given another name.
    const now = readRecord(stateRoot, record.id)
    container.write({ ...now, managed: { ...now.managed!, exit } })
  }
}

interface Place {
  readonly stateRoot: string
  readonly runRoot: string
}

/** Of one in the foreground whose first process is gone before it executed the command. */
export async function keepUnstarted(
  { stateRoot, runRoot }: Place,
  record: ContainerRecord,
  error: unknown,
): Promise<void> {
  using container = await lockUnlessRemoved(stateRoot, record.id)
  if (container === undefined) return
  await releaseResources(stateRoot, record)
  writeUnstarted(runRoot, container, readRecord(stateRoot, record.id), error)
}

/** Of one that could not be launched. What was refused before anything of it existed is not worth keeping. */
export function keepUnlaunched(
  { id, stateRoot, runRoot, reserved }: Place & { readonly id: string; readonly reserved: LockedContainer },
  error: unknown,
): void {
  const record = readRecord(stateRoot, id)
  if (record.startOperations.length > 0) writeUnstarted(runRoot, reserved, record, error)
}

/** As one that has ended, with the status that a shell would give. */
function writeUnstarted(runRoot: string, container: LockedContainer, record: ContainerRecord, error: unknown): void {
  const failed = withStartFailure({ ...record, phase: 'created', pid: 0, pidStartTime: 0 }, error)
  const exitCode = failureStatus(error)
  const exit = { exitCode, oom: false, finished: new Date().toISOString() }
  container.write({ ...failed, managed: { ...failed.managed!, exit } })
  appendEvent(runRoot, 'die', failed, { exitCode: String(exitCode) })
}

async function lockUnlessRemoved(stateRoot: string, id: string): Promise<LockedContainer | undefined> {
  try {
    return await lockContainer(stateRoot, id)
  } catch (error) {
    if (isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) return undefined
    throw error
  }
}
