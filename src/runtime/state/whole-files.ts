/**
 * Files below the run root that are replaced whole: written aside and renamed into place.
 *
 * What must be written at the end of a container has a spare: a file with its pages allocated when the container was
 * created. To overwrite allocated pages and to rename takes no room on a tmpfs, so an end is recorded also when the run
 * root is full by then.
 */
import { closeSync, ftruncateSync, openSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { isFull, noSpace } from '../../util/room.ts'

const spareOf = (path: string): string => `${path}.spare`

/**
 * Replaces a file, with its spare where there is no room and it has one.
 * @throws UtsuwaError NO_SPACE
 */
export function replaceFile(path: string, content: string): void {
  try {
    writeAside(path, content)
  } catch (error) {
    if (!isFull(error)) throw error
    useSpare(path, content, error)
  }
}

function writeAside(path: string, content: string): void {
  const temporary = `${path}.new`
  try {
    writeFileSync(temporary, content, { mode: 0o600 })
  } catch (error) {
    // Half of it would keep the room that the spare may need.
    rmSync(temporary, { force: true })
    throw error
  }
  renameSync(temporary, path)
}

function useSpare(path: string, content: string, full: unknown): void {
  const spare = spareOf(path)
  const size = statSync(spare, { throwIfNoEntry: false })?.size ?? 0
  if (size < Buffer.byteLength(content)) throw noSpace(path, full)
  const fd = openSync(spare, 'r+')
  try {
    // Truncated last: what has no pages would have to get them.
    ftruncateSync(fd, writeSync(fd, content, 0))
  } finally {
    closeSync(fd)
  }
  renameSync(spare, path)
  // The file that it has replaced has left room, most likely for another.
  tryToReserve(spare, size)
}

function tryToReserve(path: string, size: number): void {
  try {
    reserve(path, size)
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

/**
 * Makes the spare of a file, where it has none of that size. @param size bytes
 * @throws UtsuwaError NO_SPACE
 */
export function reserveSpare(path: string, size: number): void {
  reserve(spareOf(path), size)
}

/** A file of spaces, which is JSON when something shorter is written over it. @throws UtsuwaError NO_SPACE */
export function reserve(path: string, size: number): void {
  if (statSync(path, { throwIfNoEntry: false })?.size === size) return
  try {
    writeFileSync(path, ' '.repeat(size), { mode: 0o600 })
  } catch (error) {
    if (!isFull(error)) throw error
    rmSync(path, { force: true })
    throw noSpace(path, error)
  }
}
