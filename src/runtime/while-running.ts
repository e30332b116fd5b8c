/** What is done in a container that may end meanwhile. */
import { closeSync } from 'node:fs'
import { isUtsuwaError, UtsuwaError, type UtsuwaErrorCode } from '../errors.ts'
import { waitReadable } from '../launch/readable.ts'
import { errnoOf, errnos } from '../util/errno.ts'
import { openInit } from './state/first-process.ts'
import { nameOrIdOf } from './state/names.ts'
import type { ContainerRecord } from './state/record.ts'

/** How long the end of a container may take whose other processes are dead already. */
const END_MS = 1000
/** Codes of failures that say nothing better. */
const CODES: readonly UtsuwaErrorCode[] = [
  'INIT_FAILED',
  'KERNEL_OPERATION_FAILED',
  'CGROUP_ERROR',
  'CONTROLLER_MISSING',
]
/** Of what is gone; of a PID namespace that takes no more processes (ENOMEM, pid_namespaces(7)). */
const SIGNS: readonly number[] = [
  errnos.ENOENT,
  errnos.ESRCH,
  errnos.ENODEV,
  errnos.ENOMEM,
  errnos.EPIPE,
  errnos.ECONNRESET,
]

/**
 * Tells of the end of the container in place of what failed because of it, which each place says in another way: a killed
 * init, a fork without memory, a file that is not there.
 *
 * @param operation a verb, and what it is done to in the container
 * @throws UtsuwaError CONTAINER_NOT_RUNNING with that as its cause
 */
export async function whileRunning<T>(record: ContainerRecord, operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!maySayEnded(cause) || !(await endsNow(record))) throw cause
    throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'the container ended meanwhile', {
      operation: `${operation} ${nameOrIdOf(record)}`,
      cause,
    })
  }
}

function maySayEnded(error: unknown): boolean {
  if (!isUtsuwaError(error)) return SIGNS.includes(errnoOf(error) ?? 0)
  return error.code === 'INIT_FAILED' || (CODES.includes(error.code) && SIGNS.includes(error.errno ?? 0))
}

/** Waits: the first process of a PID namespace is the last to end in it, and what failed may have been killed before it. */
async function endsNow(record: ContainerRecord): Promise<boolean> {
  const pidfd = openInit(record)
  if (pidfd === undefined) return true
  try {
    return await waitReadable(pidfd, END_MS)
  } finally {
    closeSync(pidfd)
  }
}
