/** errno numbers ↔ names, in the kernel's spelling. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

export const { errno: errnos } = constants

/** `1` → `EPERM (operation not permitted)`; a number the system does not know → `errno 4242`. */
export function describeErrno(errno: number): string {
  const known = getSystemErrorMap().get(-errno)
  return known === undefined ? `errno ${errno}` : `${known[0]} (${known[1]})`
}

/** The positive errno of a Node.js system error, or undefined for any other value. */
export function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined
  return Math.abs(error.errno)
}

/** True when `error` is a Node.js system error with this name, such as `'ENOENT'`. */
export function isErrno(error: unknown, name: string): boolean {
  return error instanceof Error && 'code' in error && error.code === name
}

/** True when the other end of a socket or pipe has been closed, as by the end of the process that had it. */
export function isPeerGone(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === errnos.EPIPE || errno === errnos.ECONNRESET
}
