/** Freezing and thawing a cgroup (cgroup-v2, "Core Interface Files"). */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { errnoOf, isErrno } from '../util/errno.ts'
import { sleep } from '../util/sleep.ts'
import { parseFlatKeyed } from './stats/stats.ts'

const POLL_MS = 1
const TIMEOUT_MS = 10_000

/**
 * Resolves when every process below the cgroup has stopped, or may run again.
 * @throws UtsuwaError CGROUP_ERROR; TIMEOUT when a process cannot be frozen within 10 s: it is thawed again then
 */
export async function setFrozen(directoryHostPath: string, frozen: boolean): Promise<void> {
  const operation = `${frozen ? 'freeze' : 'thaw'} cgroup ${directoryHostPath}`
  const file = join(directoryHostPath, 'cgroup.freeze')
  write(file, frozen ? '1' : '0', operation)
  const wanted = frozen ? 1 : 0
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    const events = readEvents(directoryHostPath)
    // What was thawed may have ended at once, and its cgroup with it.
    if (events?.get('frozen') === wanted || (events === undefined && !frozen)) return
  }
  if (frozen) write(file, '0', operation)
  throw new UtsuwaError('TIMEOUT', 'a process stays in the kernel', { operation, path: directoryHostPath })
}

function readEvents(directoryHostPath: string): ReadonlyMap<string, number> | undefined {
  try {
    return parseFlatKeyed(readFileSync(join(directoryHostPath, 'cgroup.events'), 'utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV')) return undefined
    throw error
  }
}

function write(path: string, value: string, operation: string): void {
  try {
    writeFileSync(path, value)
  } catch (cause) {
    const errno = errnoOf(cause)
    throw new UtsuwaError('CGROUP_ERROR', undefined, {
      operation,
      path,
      errno,
      cause,
    })
  }
}
