/**
 * The files of an archive or a directory that holds images, read by the names that the documents in it give.
 *
 * Neither is trusted. Names in an archive are looked up in a list of what it contains and never become a path of
 * the host; a directory is read by openat2 without following links or leaving it.
 */
import { closeSync, createReadStream, fstatSync, openSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { posix } from 'node:path'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import { DEFAULT_LAYER_LIMITS } from '../layer/limits.ts'
import { TarReader } from '../layer/tar.ts'
import { constants, sys } from '../sys/index.ts'
import { errnos } from '../util/errno.ts'
import { readRange } from './input.ts'

export interface ArchiveFiles extends AsyncDisposable {
  /** Bytes of a file; undefined where there is none. */
  size(name: string): Promise<number | undefined>
  /** @throws UtsuwaError INVALID_SPEC where there is no such file */
  read(name: string): AsyncIterable<Buffer>
}

/** More than an image has layers, fewer than fill a memory. */
const MAX_ENTRIES = 100_000
const MAX_LINKS = 8

/** A small file whole. @throws UtsuwaError INVALID_SPEC where it is missing, LIMIT_EXCEEDED */
export async function readDocument(files: ArchiveFiles, name: string, limit: number): Promise<Buffer> {
  const size = await files.size(name)
  if (size !== undefined && size > limit)
    throw new UtsuwaError('LIMIT_EXCEEDED', `${size} bytes, the limit is ${limit}`, { operation: `read ${name}` })
  return Buffer.concat(await Array.fromAsync(files.read(name)))
}

function missing(name: string): UtsuwaError {
  return new UtsuwaError('INVALID_SPEC', `there is no file ${JSON.stringify(name)}`, {
    operation: 'read image archive',
  })
}

type Place = { offset: number; size: number } | { target: string } | 'ambiguous'

/**
 * The files of an uncompressed tar archive. Takes the handle over.
 *
 * @throws UtsuwaError CORRUPT_LAYER, UNSAFE_LAYER, LIMIT_EXCEEDED when it is no archive that can be trusted to mean one thing
 */
export async function openTarFiles(handle: FileHandle): Promise<ArchiveFiles> {
  let places: Map<string, Place>
  try {
    places = await listArchive(handle)
  } catch (error) {
    await handle.close()
    throw error
  }
  return {
    async size(name) {
      return placeOf(places, name)?.size
    },
    async *read(name) {
      const place = placeOf(places, name)
      if (place === undefined) throw missing(name)
      yield* readRange(handle, place.offset, place.size)
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

async function listArchive(handle: FileHandle): Promise<Map<string, Place>> {
  const places = new Map<string, Place>()
  let chunk: Buffer = Buffer.alloc(0)
  let chunkOffset = 0
  let current: { offset: number; size: number } | undefined
  const reader = new TarReader(
    {
      entry({ type, path, linkpath, size }) {
        current = undefined
        const place = { offset: -1, size }
        if (type === '0') {
          current = place
          add(places, path, place)
        } else if (type === '1') add(places, path, { target: nameOf(linkpath) })
        else if (type === '2') add(places, path, { target: posix.join(posix.dirname(nameOf(path)), linkpath) })
      },
      content(piece) {
        // A view of the chunk, so its place in the file follows from its place in the chunk.
        if (current?.offset === -1) current.offset = chunkOffset + piece.byteOffset - chunk.byteOffset
      },
    },
    { ...DEFAULT_LAYER_LIMITS, entries: MAX_ENTRIES },
  )
  try {
    for await (chunk of readRange(handle)) {
      reader.write(chunk)
      chunkOffset += chunk.length
    }
    reader.end()
  } catch (cause) {
    if (!isUtsuwaError(cause)) throw cause
    // The reader is one of layers, and says so.
    throw new UtsuwaError(cause.code, cause.message.replace(/^unpack [^:]*: /, ''), {
      operation: 'read image archive',
      cause,
    })
  }
  return places
}

/** Two readers could take either of two files with one name. It matters only when it is asked for. */
function add(places: Map<string, Place>, path: string, place: Place): void {
  const name = nameOf(path)
  places.set(name, places.has(name) ? 'ambiguous' : place)
}

/** `./a/b` is `a/b`; names in archives are binary strings. */
function nameOf(path: string): string {
  return posix.join('.', path)
}

/** Links, which older versions of docker wrote for layers that occur twice, are looked up in the same list. */
function placeOf(places: ReadonlyMap<string, Place>, name: string): { offset: number; size: number } | undefined {
  let key = nameOf(Buffer.from(name).toString('latin1'))
  for (let links = 0; links <= MAX_LINKS; links++) {
    const place = places.get(key)
    if (place === undefined) return undefined
    if (place === 'ambiguous')
      throw new UtsuwaError('UNSAFE_LAYER', `there are two files ${JSON.stringify(name)}`, {
        operation: 'read image archive',
      })
    if ('offset' in place) return place
    key = place.target
  }
  throw new UtsuwaError('UNSAFE_LAYER', `${JSON.stringify(name)} is a link to a link, and so on`, {
    operation: 'read image archive',
  })
}

/** The files below a directory. */
export function openDirectoryFiles(path: string): ArchiveFiles {
  const directoryFd = openSync(path, constants.O_DIRECTORY)
  return {
    async size(name) {
      const fd = openBelow(directoryFd, name)
      if (fd === undefined) return undefined
      try {
        return fstatSync(fd).size
      } finally {
        closeSync(fd)
      }
    },
    async *read(name) {
      const fd = openBelow(directoryFd, name)
      if (fd === undefined) throw missing(name)
      yield* createReadStream('', { fd, highWaterMark: 512 * 1024 })
    },
    [Symbol.asyncDispose]: async () => closeSync(directoryFd),
  }
}

function openBelow(directoryFd: number, name: string): number | undefined {
  const { O_RDONLY, O_NONBLOCK, O_CLOEXEC, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } = constants
  let fd: number
  try {
    // Not blocking: the name may be that of a pipe.
    fd = sys.openat2(directoryFd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
  } catch (error) {
    if (isUtsuwaError(error) && error.errno === errnos.ENOENT) return undefined
    if (!isUtsuwaError(error) || (error.errno !== errnos.ELOOP && error.errno !== errnos.EXDEV)) throw error
    throw new UtsuwaError('UNSAFE_LAYER', `${JSON.stringify(name)} is or goes through a link`, {
      operation: 'read image directory',
      cause: error,
    })
  }
  if (fstatSync(fd).isFile()) return fd
  closeSync(fd)
  throw new UtsuwaError('UNSAFE_LAYER', `${JSON.stringify(name)} is no file`, { operation: 'read image directory' })
}
