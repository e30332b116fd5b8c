/** Reading files of a container's root file system before there is a container. */
import { closeSync, fstatSync, readSync } from 'node:fs'
import type { ReadContainerFile } from '../config/user.ts'
import { isUtsuwaError } from '../errors.ts'
import { constants, sys } from '../sys/index.ts'
import { errnos } from '../util/errno.ts'

/** More than /etc/passwd has, less than harms: an image may hold an endless one. */
const MAX_SIZE = 1024 * 1024 + 1

const { O_RDONLY, O_NONBLOCK, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } = constants
const absent: number[] = [errnos.ENOENT, errnos.ENOTDIR, errnos.ELOOP]

/**
 * Files below an open directory or mount, links resolved inside it. Only regular files are read, and at most 1 MiB: a
 * link to a FIFO or device would hang the caller (CVE-2024-9676 of containers/storage).
 */
export function containerFileReader(rootFd: number): ReadContainerFile {
  return containerPath => {
    let fd: number
    try {
      fd = sys.openat2(rootFd, containerPath, O_RDONLY | O_NONBLOCK, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    } catch (error) {
      if (isUtsuwaError(error) && error.errno !== undefined && absent.includes(error.errno)) return undefined
      throw error
    }
    try {
      if (!fstatSync(fd).isFile()) return undefined
      const buffer = Buffer.alloc(Math.min(MAX_SIZE, fstatSync(fd).size))
      return buffer.toString('utf8', 0, readSync(fd, buffer))
    } finally {
      closeSync(fd)
    }
  }
}
