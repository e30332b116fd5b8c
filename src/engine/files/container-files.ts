/** Files of a container's root file system, reached without leaving it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import type { ReadContainerFile } from '../../options/user.ts'
import { constants, sys } from '../../sys/index.ts'
import { errnoOf, errnos } from '../../util/errno.ts'

/** More than /etc/passwd has, less than harms: an image may hold an endless one. */
const MAX_SIZE = 1024 * 1024 + 1

const { O_RDONLY, O_NONBLOCK, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } = constants
const absent: number[] = [errnos.ENOENT, errnos.ENOTDIR, errnos.ELOOP]

/**
 * Files below an open directory or mount, links resolved inside it. Only regular files are read, and at most 1 MiB: a
 * link to a FIFO or device would hang the caller (CVE-2024-9676 of containers/storage).
 */
export function containerFileReader(rootFd: number): ReadContainerFile {
  return containerPath => readFileOf(rootFd, containerPath) ?? undefined
}

/** The same of layers, topmost first, that are not mounted. Good for looking at, not for running: links are followed
 *  within their own layer only. */
export function layerFileReader(layerFds: readonly number[]): ReadContainerFile {
  return containerPath => {
    for (const fd of layerFds) {
      const text = readFileOf(fd, containerPath)
      // null: something is there that is no file, such as a whiteout, and hides what is below.
      if (text !== undefined) return text ?? undefined
    }
    return undefined
  }
}

/** Undefined where nothing is; null where something is that is no regular file. */
function readFileOf(rootFd: number, containerPath: string): string | null | undefined {
  let fd: number
  try {
    fd = sys.openat2(rootFd, containerPath, O_RDONLY | O_NONBLOCK, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
  } catch (error) {
    if (!isUtsuwaError(error) || error.errno === undefined) throw error
    if (error.errno === errnos.ENXIO) return null // a device without a driver: a whiteout
    if (absent.includes(error.errno)) return undefined
    throw error
  }
  try {
    const info = fstatSync(fd)
    if (!info.isFile()) return null
    const buffer = Buffer.alloc(Math.min(MAX_SIZE, info.size))
    return buffer.toString('utf8', 0, readSync(fd, buffer))
  } finally {
    closeSync(fd)
  }
}

/** An O_PATH descriptor, links resolved inside the root; undefined when nothing is there. */
export function openPathInRoot(rootFd: number, containerPath: string): number | undefined {
  try {
    return sys.openat2(rootFd, containerPath, constants.O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
  } catch (error) {
    if (isUtsuwaError(error) && error.errno === errnos.ENOENT) return undefined
    throw error
  }
}

/** Descriptor of a root file system's directory. @throws UtsuwaError INVALID_ARGUMENT when it cannot be opened */
export function openRootDirectory(directory: string): number {
  try {
    return openSync(directory, constants.O_DIRECTORY)
  } catch (cause) {
    const errno = errnoOf(cause)
    throw new UtsuwaError('INVALID_ARGUMENT', undefined, {
      operation: `open root file system ${directory}`,
      path: directory,
      ...(errno === undefined ? {} : { errno }),
      cause,
    })
  }
}
