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
const CODES: readonly UtsuwaErrorCode[] = ['KERNEL_OPERATION_FAILED', 'CGROUP_ERROR', 'CONTROLLER_MISSING']
/** Of what was removed with the container, which has ended by then. */
const GONE: readonly number[] = [errnos.ENOENT, errnos.ENODEV]
/** Of one that may still be ending: killed processes, a PID namespace that takes no more (ENOMEM, pid_namespaces(7)). */
const DYING: readonly number[] = [errnos.ESRCH, errnos.ENOMEM, errnos.EPIPE, errnos.ECONNRESET]

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
    const wait = isOf(cause, DYING) || isUtsuwaError(cause, 'INIT_FAILED') ? END_MS : 0
    if ((wait === 0 && !isOf(cause, GONE)) || !(await endsWithin(record, wait))) throw cause
    throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'the container ended meanwhile', {
      operation: `${operation} ${nameOrIdOf(record)}`,
      cause,
    })
  }
}

function isOf(error: unknown, signs: readonly number[]): boolean {
  if (!isUtsuwaError(error)) return signs.includes(errnoOf(error) ?? 0)
  return CODES.includes(error.code) && signs.includes(error.errno ?? 0)
}

/** Waits: the first process of a PID namespace is the last to end in it, and what failed may have been killed before it. */
async function endsWithin(record: ContainerRecord, milliseconds: number): Promise<boolean> {
  const pidfd = openInit(record)
  if (pidfd === undefined) return true
  try {
    return await waitReadable(pidfd, milliseconds)
  } finally {
    closeSync(pidfd)
  }
}
