/** `wait`: the end of a container that another process runs. */
import { closeSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'
import { waitReadable } from '../../launch/readable.ts'
import { openInit } from '../../runtime/state/first-process.ts'
import { lastEvent } from '../../runtime/state/journal.ts'
import { readExit } from '../../runtime/state/monitored.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { findRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { keeperOf, untilNoted } from '../end/ending.ts'

/** Options of `waitForContainer`. */
export interface WaitOptions extends Pick<Roots, 'runRoot'> {
  /** Ends the waiting with ABORTED; the container goes on. */
  readonly signal?: AbortSignal
}

/**
 * Resolves when a container has ended, whoever runs it; at once when it already has.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @returns the command's exit status, or 128 + the signal that ended it
 * @throws UtsuwaError CONTAINER_NOT_FOUND; CONTAINER_STATE when nobody knows how it ended, because whoever ran it was killed;
 *   ABORTED
 */
export async function waitForContainer(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT, signal }: WaitOptions = {},
): Promise<number> {
  throwIfAborted(signal)
  const stateRoot = containersDirectory(runRoot)
  const record = readByName(runRoot, nameOrId)
  const { id, managed } = record
  if (managed?.exit !== undefined) return managed.exit.exitCode
  const pidfd = openInit(record)
  const keeper = keeperOf(record)
  if (pidfd !== undefined) {
    try {
      await waitReadable(pidfd, undefined, signal)
    } finally {
      closeSync(pidfd)
    }
  }
  const exitCode = await untilNoted(keeper, () => noted(runRoot, stateRoot, id), signal)
  if (exitCode !== undefined) return exitCode
  throw new UtsuwaError('CONTAINER_STATE', 'its exit status is not known: whoever ran it was killed', {
    operation: `wait for container ${nameOrId}`,
  })
}

/** In its record, or in the journal for one that was removed with its end. */
function noted(runRoot: string, stateRoot: string, id: string): number | undefined {
  const record = findRecord(stateRoot, id)
  if (record !== undefined) return record.managed?.exit?.exitCode ?? readExit(stateRoot, id)?.exitCode
  const death = lastEvent(runRoot, id, 'die')
  const exitCode = death?.attributes?.exitCode
  return exitCode === undefined ? undefined : Number(exitCode)
}
