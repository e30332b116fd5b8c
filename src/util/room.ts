/** Writing where there may be no room. */
import { dirname } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { errnoOf, isErrno } from './errno.ts'

/** Whether a file system, or the quota of a user in it, is full. */
export function isFull(error: unknown): boolean {
  return isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')
}

export function noSpace(path: string, cause: unknown): UtsuwaError {
  const errno = errnoOf(cause)
  return new UtsuwaError('NO_SPACE', undefined, {
    operation: `write ${path}`,
    path,
    errno,
    hint: `make room on its file system: df -h ${dirname(path)}`,
    cause,
  })
}

/**
 * Node's own error of a full file system names no file.
 * @throws UtsuwaError NO_SPACE with the path; what else `write` throws
 */
export function inRoom<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (error) {
    throw isFull(error) ? noSpace(path, error) : error
  }
}
