/** The end of a cgroup: its processes, then its directories. */
import { rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { errnoOf, isErrno } from '../util/errno.ts'
import { sleep } from '../util/sleep.ts'
import { childrenOf } from './processes.ts'

/** Exponential, from 0.5 ms: a killed process leaves its cgroup within a few, unless the kernel holds it in a wait. */
const FIRST_WAIT_MS = 0.5
const TOTAL_WAIT_MS = 10_000

/** Kills every process in a cgroup and below it: cgroup.kill, which no fork escapes. Idempotent. */
export function killCgroup(directoryHostPath: string): void {
  try {
    writeFileSync(join(directoryHostPath, 'cgroup.kill'), '1')
  } catch (error) {
    if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENODEV')) throw error
  }
}

/**
 * Removes a cgroup and those below it, waiting while killed processes leave it.
 * @throws UtsuwaError CGROUP_ERROR when something stays in it for 10 s
 */
export async function removeCgroup(directoryHostPath: string): Promise<void> {
  const deadline = Date.now() + TOTAL_WAIT_MS
  for (let wait = FIRST_WAIT_MS; ; wait *= 2) {
    const error = tryRemove(directoryHostPath)
    if (error === undefined) return
    if (!isErrno(error, 'EBUSY') || Date.now() > deadline) {
      const errno = errnoOf(error)
      throw new UtsuwaError('CGROUP_ERROR', undefined, {
        operation: `remove cgroup ${directoryHostPath}`,
        path: directoryHostPath,
        errno,
        cause: error,
      })
    }
    await sleep(wait)
  }
}

/** The error that is in the way, or undefined. */
function tryRemove(directory: string): unknown {
  const error = tryRmdir(directory)
  // EBUSY: processes, or cgroups that the container made below its own.
  if (!isErrno(error, 'EBUSY')) return error
  const children = childrenOf(directory)
  if (children.length === 0) return error
  return children.map(tryRemove).find(failure => failure !== undefined) ?? tryRmdir(directory)
}

function tryRmdir(directory: string): unknown {
  try {
    rmdirSync(directory)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) return error
  }
  return undefined
}
