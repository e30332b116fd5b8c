/**
 * Directories for work in progress, below `tmp/`.
 *
 * Each is locked while it is used, so whatever is not locked was left over by a crash and can go. Those who want the
 * same thing use the same name: the second one waits, and finds the work done.
 */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../util/errno.ts'
import { lockHandle, tryLockHandle } from './lock.ts'
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
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (!isErrno(error, 'EEXIST')) throw storeError(error, `make work directory ${name}`)
    })
    const handle = await openDirectory(path)
    if (handle === undefined) continue
    try {
      await lockHandle(handle, 'exclusive', signal)
      if (await isAt(handle, path)) {
        for (const entry of await readdir(path)) await removeTree(join(path, entry))
        return { path, [Symbol.asyncDispose]: () => discard(handle, path) }
      }
    } catch (error) {
      await handle.close()
      throw error
    }
    // Its last owner removed it between the open and the lock.
    await handle.close()
  }
}

/** Removes what crashed processes left in `tmp/`. */
export async function collectLeftovers(root: string, remove: Remove = removeTree): Promise<void> {
  for (const name of await readdir(tmpPath(root))) {
    const path = join(tmpPath(root), name)
    const handle = await openDirectory(path)
    if (handle === undefined) {
      await removeStaleFile(path)
      continue
    }
    const unused = tryLockHandle(handle, 'exclusive') && (await isAt(handle, path))
    if (unused) await discard(handle, path, remove)
    else await handle.close()
  }
}

/** Removes the files that writers left when they were killed. The caller holds the locks of all who write any. */
export async function collectTemporaryFiles(root: string, remove: Remove): Promise<void> {
  for (const entry of await readdir(tmpPath(root), { withFileTypes: true })) {
    if (entry.isFile()) await remove(join(tmpPath(root), entry.name))
  }
}

/** Removed before it is unlocked: a successor must not find what it is about to lose. */
async function discard(handle: FileHandle, path: string, remove: Remove = removeTree): Promise<void> {
  try {
    await remove(path)
  } finally {
    await handle.close()
  }
}

async function openDirectory(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR') || isErrno(error, 'ELOOP')) return undefined
    throw error
  }
}

async function isAt(handle: FileHandle, path: string): Promise<boolean> {
  const [own, there] = await Promise.all([
    handle.stat(),
    stat(path).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }),
  ])
  return own.ino === there?.ino && own.dev === there.dev
}

async function removeStaleFile(path: string): Promise<void> {
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0, // Gone meanwhile.
  )
  if (age > STALE_FILE_MS) await rm(path, { force: true })
}
