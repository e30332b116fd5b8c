/**
 * Directories for work in progress, below `tmp/`.
 *
 * Each is locked while it is used, so whatever is not locked was left over by a crash and can go. Those who want the
 * same thing use the same name: the second one waits, and finds the work done.
 *
 * Every layer of a pull has one, and the calls below take microseconds; their promises would take many times as long.
 */
import { close, closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isErrno } from '../util/errno.ts'
import { lockFd, tryLockFd } from './lock.ts'
import { storeError, tmpPath } from './paths.ts'
import { type Remove, removeTree } from './remove-tree.ts'

/** A temporary file of writeDurably lives for milliseconds; one that is this old was left over. */
const STALE_FILE_MS = 60 * 60 * 1000

export interface WorkDirectory extends AsyncDisposable {
  path: string
}

/** Makes `tmp/NAME`, empty, and locks it; waits for others who have it. Dispose of it to remove it. @throws UtsuwaError NO_SPACE, NOT_ROOT, ABORTED */
export async function acquireWorkDirectory(root: string, name: string, signal?: AbortSignal): Promise<WorkDirectory> {
  const path = join(tmpPath(root), name)
  for (;;) {
    // Not `recursive`: that fails when the last owner removes it between its mkdir and its stat.
    try {
      mkdirSync(path, { mode: 0o700 })
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw storeError(error, `make work directory ${name}`)
    }
    const fd = openDirectory(path)
    if (fd === undefined) continue
    try {
      await lockFd(fd, 'exclusive', signal)
      if (isAt(fd, path)) {
        for (const entry of readdirSync(path)) await removeTree(join(path, entry))
        return { path, [Symbol.asyncDispose]: () => discard(fd, path) }
      }
    } catch (error) {
      closeSync(fd)
      throw error
    }
    // Its last owner removed it between the open and the lock.
    closeSync(fd)
  }
}

/** Removes what crashed processes left in `tmp/`. */
export async function collectWorkDirectories(root: string, remove: Remove = removeTree): Promise<void> {
  for (const name of await readdir(tmpPath(root))) {
    const path = join(tmpPath(root), name)
    const fd = openDirectory(path)
    if (fd === undefined) {
      await removeStaleFile(path)
      continue
    }
    const unused = tryLockFd(fd, 'exclusive') && isAt(fd, path)
    if (unused) await discard(fd, path, remove)
    else closeSync(fd)
  }
}

/** Removes the files that writers left when they were killed. The caller holds the locks of all who write any. */
export async function collectTemporaryFiles(root: string, remove: Remove): Promise<void> {
  for (const entry of await readdir(tmpPath(root), { withFileTypes: true })) {
    if (entry.isFile()) await remove(join(tmpPath(root), entry.name))
  }
}

/** Removed before it is unlocked: a successor must not find what it is about to lose. */
async function discard(fd: number, path: string, remove: Remove = removeTree): Promise<void> {
  try {
    await remove(path)
  } finally {
    // The last descriptor of a directory that was removed: this is where the file system frees it, and may have to wait.
    await promisify(close)(fd)
  }
}

function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR') || isErrno(error, 'ELOOP')) return undefined
    throw error
  }
}

function isAt(fd: number, path: string): boolean {
  const own = fstatSync(fd)
  const there = statSync(path, { throwIfNoEntry: false })
  return own.ino === there?.ino && own.dev === there.dev
}

async function removeStaleFile(path: string): Promise<void> {
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0, // Removed by another process.
  )
  if (age > STALE_FILE_MS) await rm(path, { force: true })
}
