/** What load and import read: a file, or a stream that is written to the store's disk first, because it is read twice. */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { storeError } from '../content/paths.ts'
import { UtsuwaError } from '../errors.ts'
import { decompressorFor } from '../layer/decompress.ts'
import { checkExpansion, DEFAULT_LAYER_LIMITS } from '../layer/limits.ts'
import { errnoOf } from '../util/errno.ts'

/** A path, or the bytes. */
export type Input = string | AsyncIterable<Buffer>

const READ_SIZE = 512 * 1024
const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
const BZIP2 = Buffer.from('BZh')

/**
 * A regular file with the bytes of `input`. The caller closes it.
 *
 * @param directory a work directory, for what is no regular file
 * @throws UtsuwaError INVALID_ARGUMENT when it cannot be opened, UNSUPPORTED for other compressions than gzip and zstd
 */
export async function openInput(input: Input, directory: string): Promise<FileHandle> {
  const handle = await (typeof input === 'string' ? openFile(input, directory) : spool(input, join(directory, 'input')))
  try {
    refuseOtherCompressions(await firstBytesOf(handle))
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openFile(path: string, directory: string): Promise<FileHandle> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === undefined) throw cause
    throw new UtsuwaError('INVALID_ARGUMENT', undefined, { operation: `open ${path}`, path, errno, cause })
  }
  if ((await handle.stat()).isFile()) return handle
  await using pipe = handle
  return await spool(pipe.createReadStream({ autoClose: false, highWaterMark: READ_SIZE }), join(directory, 'input'))
}

/** A private file with all bytes of a stream. */
async function spool(source: AsyncIterable<Buffer>, path: string): Promise<FileHandle> {
  const handle = await open(path, 'wx+', 0o600)
  try {
    for await (const chunk of source) await handle.writeFile(chunk)
    return handle
  } catch (cause) {
    await handle.close()
    throw cause instanceof Error && 'syscall' in cause ? storeError(cause, 'keep what is read') : cause
  }
}

/** Bytes of a file from `start` on, `size` of them or all. */
export async function* readRange(handle: FileHandle, start = 0, size = Infinity): AsyncGenerator<Buffer> {
  for (let left = size; left > 0; ) {
    const wanted = Math.min(left, READ_SIZE)
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, start)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    start += bytesRead
    left -= bytesRead
  }
}

/** The bytes of a file, decompressed where they are compressed. @throws UtsuwaError CORRUPT_LAYER, LIMIT_EXCEEDED */
export async function* readUncompressed(handle: FileHandle): AsyncGenerator<Buffer> {
  const decompressor = decompressorFor(await firstBytesOf(handle))
  if (decompressor === undefined) return yield* readRange(handle)
  const { size } = await handle.stat()
  let bytes = 0
  try {
    // A failure of either reaches the loop; the callback is there because a pipeline must have one.
    for await (const chunk of pipeline(readRange(handle), decompressor, () => undefined)) {
      bytes += (chunk as Buffer).length
      checkExpansion(DEFAULT_LAYER_LIMITS, size, bytes)
      yield chunk as Buffer
    }
  } catch (cause) {
    if (cause instanceof UtsuwaError || !(cause instanceof Error)) throw cause
    throw new UtsuwaError('CORRUPT_LAYER', `the compressed stream is damaged: ${cause.message}`, { cause })
  }
}

/** A file with the uncompressed bytes, which is the same file where they are not compressed. The other one is closed. */
export async function decompressInput(handle: FileHandle, directory: string): Promise<FileHandle> {
  if (decompressorFor(await firstBytesOf(handle)) === undefined) return handle
  await using compressed = handle
  return await spool(readUncompressed(compressed), join(directory, 'uncompressed'))
}

/** The first bytes: what tells compressions apart. */
export async function firstBytesOf(handle: FileHandle): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(XZ.length), 0, XZ.length, 0)
  return buffer.subarray(0, bytesRead)
}

function refuseOtherCompressions(start: Buffer): void {
  const program = start.equals(XZ) ? 'xz' : start.subarray(0, BZIP2.length).equals(BZIP2) ? 'bzip2' : undefined
  if (program === undefined) return
  throw new UtsuwaError('UNSUPPORTED', `it is compressed by ${program}`, {
    operation: 'read archive',
    hint: `decompress it on the way: ${program} -dc FILE | utsuwa …`,
  })
}
