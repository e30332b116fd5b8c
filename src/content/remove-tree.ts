/** Removing directories whose content a container or an image chose. */
import { randomBytes } from 'node:crypto'
import { rmdirSync } from 'node:fs'
import { readdir, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { isErrno } from '../util/errno.ts'
import { sleep } from '../util/sleep.ts'

/** Deeper directories are moved up first: a path to what is in them would be longer than the kernel's 4,096 bytes. */
const LONGEST_PATH = 2048
const SLASH = Buffer.from('/')

/** A process that writes to a tree after its parent was killed is at its end; it cannot make anything in a removed directory. */
const LATE_WRITER_MS = 10_000
const RETRY_MS = 20

/** Removes a file or a tree, and may take note of what it was. */
export type Remove = (path: string) => Promise<void>

/**
 * Removes a file or a directory with all that is in it; one that is not there is fine. Links are removed, not followed.
 *
 * Writers that are still at work are outrun: an applier whose parent was killed goes on for as long as its input lasts.
 */
export async function removeTree(path: string): Promise<void> {
  for (const deadline = Date.now() + LATE_WRITER_MS; ; await sleep(RETRY_MS)) {
    try {
      return await removeOnce(path)
    } catch (error) {
      const late = isErrno(error, 'ENOTEMPTY') || isErrno(error, 'ENOENT')
      if (!late || Date.now() > deadline) throw error
    }
  }
}

async function removeOnce(path: string): Promise<void> {
  if (removeEmpty(path)) return
  try {
    await rm(path, { recursive: true, force: true })
  } catch {
    // It fails on trees that are deep, and in older versions of Node on names that are no UTF-8. What else is wrong is
    // wrong again below.
    await removeThoroughly(Buffer.from(path))
  }
}

/** What most work directories are in the end. */
function removeEmpty(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch {
    return false // Not empty, or no directory; any other error comes again when it is removed.
  }
}

async function removeThoroughly(top: Buffer): Promise<void> {
  for (;;) {
    const moved = await removeContent(top, top)
    if (moved === 0) break
  }
  await rmdir(top)
}

/** @returns how many directories were moved to `top`, where they are still to be removed */
async function removeContent(directory: Buffer, top: Buffer): Promise<number> {
  let moved = 0
  for (const name of await readdir(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([directory, SLASH, name])
    if (await unlinkUnlessDirectory(path)) continue
    if (path.length > LONGEST_PATH) {
      await rename(path, Buffer.concat([top, Buffer.from(`/${randomBytes(12).toString('hex')}`)]))
      moved++
    } else {
      moved += await removeContent(path, top)
      await rmdir(path)
    }
  }
  return moved
}

async function unlinkUnlessDirectory(path: Buffer): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    if (isErrno(error, 'EISDIR')) return false
    throw error
  }
}
