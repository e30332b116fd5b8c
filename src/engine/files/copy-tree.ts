/**
 * Copies a tree from one root to another, neither of which is trusted: what is read is opened name by name, without
 * following a link, from directories that are open already; what is written is root-writer.ts's business.
 */
import {
  closeSync,
  constants as fsConstants,
  fstatSync,
  openSync,
  read as readCallback,
  readdirSync,
  readlinkSync,
  type Stats,
  statfsSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { UtsuwaError } from '../../errors.ts'
import { constants, sys } from '../../sys/index.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { scopedFd } from '../../util/scoped-fd.ts'
import type { Owner, RootWriter } from './root-writer.ts'

const read = promisify(readCallback)

const PIECE = 256 * 1024
const ONE_NAME = constants.O_PATH | fsConstants.O_NOFOLLOW
/** proc, sysfs, cgroup2, devpts, mqueue (magic.h): what is in them is no file of the container. */
const KERNEL_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x9fa0, 0x62656572, 0x63677270, 0x1cd1, 0x19800202])

export interface TreeOptions {
  /** Owner of what is made, from that of what is read. */
  readonly owner: (owner: Owner) => Owner
  /** Permission bits that are kept. */
  readonly modeMask: number
  readonly signal?: AbortSignal
}

/**
 * @param fd of a file, directory or link, with O_PATH
 * @param readLink for a link, which has no content to open
 * @param target path below the writer's root
 * @throws UtsuwaError UNSUPPORTED for devices, pipes and names that are not UTF-8; what writing fails with
 */
export async function copyPlace(
  fd: number,
  readLink: () => string,
  writer: RootWriter,
  target: string,
  options: TreeOptions,
): Promise<void> {
  throwIfAborted(options.signal)
  const info = fstatSync(fd)
  const owner = options.owner({ uid: info.uid, gid: info.gid })
  if (info.isDirectory()) {
    writer.directory(target, info.mode & options.modeMask, owner)
    await copyEntries(fd, writer, target, options)
  } else if (info.isSymbolicLink()) writer.symlink(target, readLink(), owner)
  else if (info.isFile()) await copyFile(fd, info, writer, target, owner, options)
  else if (!info.isSocket()) {
    throw new UtsuwaError('UNSUPPORTED', 'devices and pipes are not copied', {
      operation: `copy ${target}`,
      path: target,
    })
  }
}

/** The content of a directory, into one that may be there. */
export async function copyEntries(
  directoryFd: number,
  writer: RootWriter,
  target: string,
  options: TreeOptions,
): Promise<void> {
  const path = `/proc/self/fd/${directoryFd}`
  if (KERNEL_FILE_SYSTEMS.has(statfsSync(path).type)) return
  const readable = openSync(path, constants.O_DIRECTORY)
  try {
    for (const bytes of readdirSync(path, { encoding: 'buffer' })) {
      const name = utf8(bytes, target)
      const readLink = (): string => readlinkSync(`/proc/self/fd/${readable}/${name}`)
      using place = scopedFd(sys.openat2(readable, name, ONE_NAME, 0, constants.RESOLVE_BENEATH))
      await copyPlace(place.fd, readLink, writer, `${target}/${name}`, options)
    }
  } finally {
    closeSync(readable)
  }
}

async function copyFile(
  fd: number,
  info: Stats,
  writer: RootWriter,
  target: string,
  owner: Owner,
  { modeMask, signal }: TreeOptions,
): Promise<void> {
  // The inode that was looked at, by its descriptor.
  const source = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    using pending = writer.create(target, info.mode & modeMask, owner)
    for (const buffer = Buffer.allocUnsafe(PIECE); ; ) {
      throwIfAborted(signal)
      const { bytesRead } = await read(source, buffer, 0, PIECE, null)
      if (bytesRead === 0) break
      await pending.write(buffer.subarray(0, bytesRead))
    }
    pending.setTimes(info.atime, info.mtime)
    pending.commit()
  } finally {
    closeSync(source)
  }
}

/** Node's calls take text. */
function utf8(bytes: Buffer, directory: string): string {
  const name = bytes.toString('utf8')
  if (Buffer.from(name).equals(bytes)) return name
  throw new UtsuwaError('UNSUPPORTED', 'its name is not UTF-8', { operation: `copy ${directory}/${name}` })
}
