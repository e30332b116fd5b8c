/** Descriptors of the caller that a container shall have. */
import { readlinkSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'

const FIRST_PRESERVED_FD = 3

/**
 * Behind the caller's descriptors come those of Node.js, first of all its epoll: that one must not get in.
 * @throws UtsuwaError INVALID_ARGUMENT
 */
export function checkPreservedFds(number: number): void {
  for (let fd = FIRST_PRESERVED_FD; fd < FIRST_PRESERVED_FD + number; fd++) {
    if (linkOf(fd)?.startsWith('anon_inode:[event') !== false)
      throw new UtsuwaError('INVALID_ARGUMENT', `cannot preserve descriptor ${fd}: the caller has not passed it`)
  }
}

function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined // not open
  }
}
