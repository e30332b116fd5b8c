/** `copyIn` and `copyOut`: files of a container that lives, as its own processes see them, mounts and all. */
import { closeSync, constants as fsConstants, fstatSync, read as readCallback } from 'node:fs'
import { promisify } from 'node:util'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import { DEFAULT_LAYER_LIMITS } from '../../layer/limits.ts'
import { displayPath, entryPath } from '../../layer/path.ts'
import type { TarEntry, TarHandler } from '../../layer/tar.ts'
import { openRootOfInit, readOfInit } from '../../runtime/state/first-process.ts'
import type { ContainerRecord } from '../../runtime/state/record.ts'
import type { IdMapping } from '../../spec/runtime.ts'
import { constants, sys } from '../../sys/index.ts'
import { throwIfAborted, untilAborted } from '../../util/aborted.ts'
import { errnos } from '../../util/errno.ts'
import { nextTurn } from '../../util/next-turn.ts'
import type { ScopedFd } from '../../util/scoped-fd.ts'
import { type Files, mappedOwners, writeFiles } from './files.ts'
import { type PendingFile, RootWriter } from './root-writer.ts'

const read = promisify(readCallback)

/** Options of copies into and out of a container. */
export interface CopyOptions {
  readonly signal?: AbortSignal
}

/** Options of `copyInArchive`. */
export interface CopyInArchiveOptions extends CopyOptions {
  /** Directory in the container, made when it is missing. Default: `/`. */
  readonly to?: string
}

/** Options of `copyOut`. */
export interface CopyOutOptions extends CopyOptions {
  /** A longer file is refused with LIMIT_EXCEEDED. Default: 64 MiB. */
  readonly maxBytes?: number
}

/** The bytes of a tar archive, not compressed. */
export type Archive = Uint8Array | AsyncIterable<Uint8Array>

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024
/** Handed on in pieces, so that other work gets its turn. */
const PIECE = 64 * 1024
const INSIDE = constants.RESOLVE_IN_ROOT | constants.RESOLVE_NO_MAGICLINKS

export async function copyFilesIn(record: ContainerRecord, files: Files, { signal }: CopyOptions = {}): Promise<void> {
  using root = openRootOfContainer(record)
  await writeFiles(new RootWriter(root.fd, ownersOf(record)), files, signal)
}

export async function copyArchiveIn(
  record: ContainerRecord,
  archive: Archive,
  options: CopyInArchiveOptions = {},
): Promise<void> {
  using root = openRootOfContainer(record)
  await writeArchive(new RootWriter(root.fd, ownersOf(record)), archive, options)
}

/** The entries of an archive, into a root file system. */
export async function writeArchive(
  writer: RootWriter,
  archive: Archive,
  { to = '/', signal }: CopyInArchiveOptions,
): Promise<void> {
  // Loaded when needed: it brings the parser of headers.
  const { TarReader } = await import('../../layer/tar.ts')
  using handler = new ArchiveWriter(writer, to)
  const reader = new TarReader(handler, DEFAULT_LAYER_LIMITS)
  for await (const chunk of archive instanceof Uint8Array ? [archive] : untilAborted(archive, signal)) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      throwIfAborted(signal)
      const piece = chunk.subarray(at, at + PIECE)
      reader.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
      await nextTurn()
    }
  }
  reader.end()
}

export async function copyFileOut(
  record: ContainerRecord,
  path: string,
  { maxBytes = DEFAULT_MAX_BYTES, signal }: CopyOutOptions = {},
): Promise<Buffer> {
  using root = openRootOfContainer(record)
  const operation = `read ${path} of the container`
  // A FIFO would make the open wait, and a terminal become ours.
  const fd = openInside(root.fd, path, constants.O_RDONLY | constants.O_NONBLOCK | fsConstants.O_NOCTTY, operation)
  try {
    if (!fstatSync(fd).isFile()) throw new UtsuwaError('INVALID_ARGUMENT', 'it is no regular file', { operation, path })
    const chunks: Buffer[] = []
    for (let size = 0; ; ) {
      throwIfAborted(signal)
      const { bytesRead, buffer } = await read(fd, Buffer.allocUnsafe(PIECE), 0, PIECE, null)
      if (bytesRead === 0) return Buffer.concat(chunks)
      chunks.push(buffer.subarray(0, bytesRead))
      size += bytesRead
      if (size > maxBytes)
        throw new UtsuwaError('LIMIT_EXCEEDED', `it has more than ${maxBytes} bytes`, { operation, path })
    }
  } finally {
    closeSync(fd)
  }
}

export async function* copyArchiveOut(
  record: ContainerRecord,
  path: string,
  { signal }: CopyOptions = {},
): AsyncGenerator<Buffer> {
  const { readArchive } = await import('./archive.ts')
  const operation = `read ${path} of the container`
  using root = openRootOfContainer(record)
  const fd = openInside(root.fd, path, constants.O_RDONLY | constants.O_DIRECTORY, operation)
  try {
    for await (const chunk of readArchive(fd, operation)) {
      throwIfAborted(signal)
      yield chunk
    }
  } finally {
    closeSync(fd)
  }
}

/** The root directory as the container's processes have it. @throws UtsuwaError CONTAINER_NOT_RUNNING */
export function openRootOfContainer(record: ContainerRecord): ScopedFd {
  return openRootOfInit(record) ?? hasEnded(record)
}

function hasEnded({ id }: ContainerRecord): never {
  throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'its files are seen through its first process, which has ended', {
    operation: `copy files of container ${id}`,
  })
}

/** A place below a root, links followed inside it. @throws UtsuwaError INVALID_ARGUMENT where nothing is */
export function openInside(rootFd: number, path: string, flags: number, operation: string): number {
  try {
    return sys.openat2(rootFd, path, flags, 0, INSIDE)
  } catch (cause) {
    if (!isUtsuwaError(cause) || cause.errno === undefined) throw cause
    const asked = [errnos.ENOENT, errnos.ENOTDIR, errnos.ELOOP, errnos.ENXIO].includes(cause.errno)
    throw new UtsuwaError(asked ? 'INVALID_ARGUMENT' : 'KERNEL_OPERATION_FAILED', undefined, {
      operation,
      path,
      errno: cause.errno,
      cause,
    })
  }
}

/** From the container's numbers to the host's. @throws UtsuwaError CONTAINER_NOT_RUNNING */
export function ownersOf(record: ContainerRecord) {
  return mappedOwners(readIdMap(record, 'uid_map'), readIdMap(record, 'gid_map'))
}

function readIdMap(record: ContainerRecord, file: 'uid_map' | 'gid_map'): IdMapping[] {
  const text = readOfInit(record, file) ?? hasEnded(record)
  return [...text.matchAll(/^\s*(\d+)\s+(\d+)\s+(\d+)$/gm)].map(([, inside, outside, size]) => ({
    containerID: Number(inside),
    hostID: Number(outside),
    size: Number(size),
  }))
}

/** Writes the entries of an archive below a directory. */
class ArchiveWriter implements TarHandler, Disposable {
  readonly #writer: RootWriter
  readonly #to: string
  #file: { readonly pending: PendingFile; readonly mtime: number; left: number } | undefined

  constructor(writer: RootWriter, to: string) {
    this.#writer = writer
    this.#to = to
  }

  entry(entry: TarEntry): void {
    const { type, uid, gid } = entry
    const path = this.#pathOf(entry.path)
    const owner = { uid, gid }
    const mode = entry.mode & 0o7777
    if (type === '0') {
      const { seconds, nanoseconds } = entry.mtime
      const pending = this.#writer.create(path, mode, owner)
      this.#file = { pending, mtime: seconds + nanoseconds / 1e9, left: entry.size }
      if (entry.size === 0) this.#commit()
    } else if (type === '5') {
      // The directory that it goes to keeps what it has.
      if (entryPath(entry.path, DEFAULT_LAYER_LIMITS) !== '') this.#writer.directory(path, mode, owner)
    } else if (type === '2') this.#writer.symlink(path, utf8(entry.linkpath), owner)
    else if (type === '1') this.#writer.link(path, this.#pathOf(entry.linkpath))
    else throw new UtsuwaError('UNSUPPORTED', 'devices and pipes are not copied', { operation: `copy ${path}`, path })
  }

  content(chunk: Buffer): void {
    const file = this.#file!
    file.pending.writeSync(chunk)
    file.left -= chunk.length
    if (file.left === 0) this.#commit()
  }

  [Symbol.dispose](): void {
    this.#file?.pending[Symbol.dispose]()
  }

  #commit(): void {
    const { pending, mtime } = this.#file!
    pending.setTimes(mtime, mtime)
    pending.commit()
    pending[Symbol.dispose]()
    this.#file = undefined
  }

  #pathOf(name: string): string {
    return `${this.#to}/${utf8(entryPath(name, DEFAULT_LAYER_LIMITS))}`
  }
}

/** Names of archives are bytes; Node's calls take text. */
function utf8(binary: string): string {
  const bytes = Buffer.from(binary, 'latin1')
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) return text
  throw new UtsuwaError('UNSUPPORTED', 'its name is not UTF-8', { operation: `copy ${displayPath(binary)}` })
}
