/** `start` and `restart` of containers by name, whoever created them. */

import { start as startById } from '../../runtime/start.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { containersDirectory, resolveContainer } from '../../runtime/state/names.ts'
import { readRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import { createAgain } from './start-again.ts'
import { type StopOptions, stopContainer } from './stop.ts'

/** Options of `startContainer`. */
export interface StartContainerOptions extends Roots {
  /** Awaited when the container is created and before its command runs: whoever attaches here misses nothing. */
  readonly beforeStart?: (id: string) => Promise<void>
}

/**
 * Starts a container that is created, or one that has ended once more, with its files as it left them. From then on it
 * outlives this process, whoever ran it before.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @returns its id, when its command runs
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE while it runs; COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE
 */
export async function startContainer(
  nameOrId: string,
  { beforeStart, ...roots }: StartContainerOptions = {},
): Promise<string> {
  const { runRoot = DEFAULT_RUN_ROOT } = roots
  const stateRoot = containersDirectory(runRoot)
  const id = resolveContainer(runRoot, nameOrId)
  if (containerStatus(stateRoot, readRecord(stateRoot, id)) === 'stopped') await createAgain(id, roots)
  await beforeStart?.(id)
  await startById(stateRoot, id)
  appendEvent(runRoot, 'start', readRecord(stateRoot, id))
  return id
}

/**
 * Stops a container if it runs, and starts it.
 * @throws UtsuwaError as `stopContainer` and `startContainer`
 */
export async function restartContainer(nameOrId: string, options: StopOptions & Roots = {}): Promise<string> {
  const { root, runRoot } = options
  const id = await stopContainer(nameOrId, options)
  return startContainer(id, { ...(root === undefined ? {} : { root }), ...(runRoot === undefined ? {} : { runRoot }) })
}
