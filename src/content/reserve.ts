/**
 * Room for one more index.json. To remove an image its name must go first, so on a full disk a file must be written
 * before anything can be freed. This one is given up for it, and taken again when there is room.
 */
import { randomBytes } from 'node:crypto'
import { rm, stat, writeFile } from 'node:fs/promises'
import { isErrno } from '../util/errno.ts'
import { reservePath } from './paths.ts'

/** Bytes: index.json of some 700 images. Random, because a file system may compress. */
const SIZE = 256 * 1024

/** Makes the reserve where it is missing; on a disk that is full there is none. */
export async function reserveSpace(root: string): Promise<void> {
  const path = reservePath(root)
  try {
    if ((await stat(path).catch(() => undefined))?.size === SIZE) return
    await writeFile(path, randomBytes(SIZE), { mode: 0o600 })
  } catch (error) {
    if (!isFull(error)) throw error
    await rm(path, { force: true })
  }
}

/** Runs what needs a little room, and on a full disk again without the reserve. */
export async function usingReserve(root: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!isFull(error)) throw error
    await rm(reservePath(root), { force: true })
    await write()
  }
}

function isFull(error: unknown): boolean {
  return isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')
}
