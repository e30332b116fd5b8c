/**
 * Files that survive a crash: written aside, flushed, renamed into place, and the directory flushed too. After a power
 * cut the old file is there or the new one, never half of one.
 */
import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isErrno } from '../util/errno.ts'

export interface DurableOptions {
  /** A directory on the same file system. */
  temporaryDirectory: string
  /** Default true. Otherwise a file that is there already stays. */
  replace?: boolean
  mode?: number
}

/** A new name in a directory for files that are renamed when they are whole. */
export function temporaryPath(directory: string): string {
  return join(directory, `file-${randomBytes(12).toString('hex')}`)
}

export async function writeDurably(path: string, content: Uint8Array | string, options: DurableOptions): Promise<void> {
  const temporary = temporaryPath(options.temporaryDirectory)
  try {
    await using handle = await open(temporary, 'wx', options.mode ?? 0o644)
    await handle.writeFile(content)
    await handle.sync()
    if (options.replace === false) await link(temporary, path)
    else await rename(temporary, path)
  } catch (error) {
    if (options.replace === false && isErrno(error, 'EEXIST')) return
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(path))
}

/** Flushes the entries of a directory, so that a rename in it survives. */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}
