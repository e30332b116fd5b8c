/**
 * Locks between processes, and between tasks of one: flock(2), which the kernel releases when their holder ends.
 *
 * `lock` in the store root is held shared by those who add to the store or rely on what is in it, and exclusively by
 * those who remove. `index.lock` is held exclusively around a change of index.json.
 */
import { constants as fs } from 'node:fs'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { UtsuwaError } from '../errors.ts'
import { constants, sys } from '../sys/index.ts'

const OPEN_FLAGS = fs.O_RDWR | fs.O_CREAT

export type LockKind = 'shared' | 'exclusive'

/** A lock by hand is polled for, because a blocking flock would block this program's other work. */
const POLL_FIRST_MS = 1
const POLL_MAX_MS = 50

/** Takes a lock on a file, made when missing, and waits for it. Dispose of it to let go. */
export async function acquireLock(path: string, kind: LockKind, signal?: AbortSignal): Promise<AsyncDisposable> {
  const handle = await open(path, OPEN_FLAGS, 0o600)
  try {
    await lockFd(handle.fd, kind, signal)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Like acquireLock, but undefined where another holder has it. */
export async function tryLock(path: string, kind: LockKind): Promise<AsyncDisposable | undefined> {
  const handle = await open(path, OPEN_FLAGS, 0o600)
  if (tryLockFd(handle.fd, kind)) return handle
  await handle.close()
  return undefined
}

/** @throws UtsuwaError ABORTED */
export async function lockFd(fd: number, kind: LockKind, signal?: AbortSignal): Promise<void> {
  for (let delay = POLL_FIRST_MS; !tryLockFd(fd, kind); delay = Math.min(delay * 2, POLL_MAX_MS)) {
    await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
      throw new UtsuwaError('ABORTED', 'aborted', { operation: 'wait for a lock of the image store', cause })
    })
  }
}

/** False where another holder's lock conflicts. */
export function tryLockFd(fd: number, kind: LockKind): boolean {
  const { LOCK_SH, LOCK_EX, LOCK_NB } = constants
  return sys.flock(fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB)
}
