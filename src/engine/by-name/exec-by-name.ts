/** Commands in containers that any process runs, by name. */

import { appendEvent } from '../../runtime/state/journal.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import type { ContainerProcess, DetachedOptions, ExecOptions, ExecResult, SpawnOptions } from './container-process.ts'

type RunRoot = Pick<Roots, 'runRoot'>

/**
 * Runs one more command in a container that lives, and waits for its end.
 * @param nameOrId a name, an id, or the beginning of one
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING; CONTAINER_STATE when it is paused; what
 *   keeps the command from running
 */
export async function exec(
  nameOrId: string,
  args: readonly string[],
  { runRoot = DEFAULT_RUN_ROOT, ...options }: ExecOptions & RunRoot = {},
): Promise<ExecResult> {
  const { runInContainer } = await import('./container-process.ts')
  const { stateRoot, id, told } = find(runRoot, nameOrId, args)
  return runInContainer(stateRoot, id, args, {
    ...options,
    onStart: process => {
      told()
      options.onStart?.(process)
    },
  })
}

/**
 * Starts one more command in a container that lives.
 * @param nameOrId a name, an id, or the beginning of one
 * @returns when the command runs
 * @throws UtsuwaError as `exec`
 */
export async function spawn(
  nameOrId: string,
  args: readonly string[],
  { runRoot = DEFAULT_RUN_ROOT, ...options }: SpawnOptions & RunRoot = {},
): Promise<ContainerProcess> {
  const { spawnInContainer } = await import('./container-process.ts')
  const { stateRoot, id, told } = find(runRoot, nameOrId, args)
  const process = await spawnInContainer(stateRoot, id, args, options)
  told()
  return process
}

/**
 * The same for a command that goes on when this process ends, and that nobody waits for. Its standard streams are
 * /dev/null.
 * @returns its PID, when it runs
 * @throws UtsuwaError as `exec`
 */
export async function spawnDetached(
  nameOrId: string,
  args: readonly string[],
  { runRoot = DEFAULT_RUN_ROOT, ...options }: DetachedOptions & RunRoot = {},
): Promise<number> {
  const { spawnDetachedInContainer } = await import('./container-process.ts')
  const { stateRoot, id, told } = find(runRoot, nameOrId, args)
  const pid = await spawnDetachedInContainer(stateRoot, id, args, options)
  told()
  return pid
}

function find(runRoot: string, nameOrId: string, args: readonly string[]) {
  const stateRoot = containersDirectory(runRoot)
  const record = readByName(runRoot, nameOrId)
  const told = (): void => appendEvent(runRoot, 'exec_start', record, { command: args.join(' ') })
  return { stateRoot, id: record.id, told }
}
