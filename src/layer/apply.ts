/**
 * Applies one layer: compressed bytes in, a directory on disk out.
 *
 * Decompression runs in the thread pool, hashing and parsing here, writing in the applier; the three overlap, and a
 * chunk costs one promise however many files are in it.
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { UtsuwaError } from '../errors.ts'
import { algorithmOf, type DiffId } from '../spec/image.ts'
import type { Appliers } from './applier.ts'
import { decompressorFor, decompressSmall, discardChunk } from './decompress.ts'
import { checkExpansion, DEFAULT_LAYER_LIMITS, type LayerLimits, limitExceeded, ZSTD_WINDOW_LOG } from './limits.ts'
import { corrupt } from './path.ts'
import { TarReader } from './tar.ts'
import { LayerTranslator, type RootDirectory } from './translate.ts'

export interface ApplyOptions {
  appliers: Appliers
  /** The layer's root: an empty directory, on the file system where the layer is to stay. */
  directory: string
  /** What the uncompressed bytes must hash to. */
  diffId: DiffId
  limits?: Partial<LayerLimits> | undefined
  signal?: AbortSignal | undefined
  /** Called with the bytes of each piece of the archive that was handed on to be written. */
  onWritten?: (bytes: number) => void
}

export interface AppliedLayer {
  /** Bytes of the uncompressed archive. */
  size: number
  entries: number
  /** The layer hides all layers below it. */
  opaqueRoot: boolean
  /** Owner and mode of its root, where the archive has an entry for it. */
  root?: RootDirectory | undefined
}

/**
 * Resolves when the diff id is known to hold; the files are there then, not yet on disk. On an error the directory holds a
 * part of the layer and must be thrown away.
 *
 * @param source the layer as stored: gzip, zstd or plain tar; of one in pieces, a piece is used up when the next is asked for
 * @throws UtsuwaError DIGEST_MISMATCH, CORRUPT_LAYER, UNSAFE_LAYER, LIMIT_EXCEEDED, NO_SPACE, NOT_ROOT, ABORTED
 */
export async function applyLayer(source: AsyncIterable<Buffer> | Buffer, options: ApplyOptions): Promise<AppliedLayer> {
  const limits = { ...DEFAULT_LAYER_LIMITS, ...options.limits }
  const translator = new LayerTranslator(limits)
  const reader = new TarReader(translator, limits)
  const hash = createHash(algorithmOf(options.diffId))
  const counted = { compressed: 0, uncompressed: 0 }
  await using applier = await options.appliers.start(options.directory, limits)

  const take = async (chunk: Buffer) => {
    counted.uncompressed += chunk.length
    checkExpansion(limits, counted.compressed, counted.uncompressed)
    hash.update(chunk)
    reader.write(chunk)
    await applier.write(translator.take())
    translator.rewind()
    options.onWritten?.(chunk.length)
  }
  try {
    await decompressed(source, counted, options.signal, take)
  } catch (error) {
    if (options.signal?.aborted)
      throw new UtsuwaError('ABORTED', 'aborted', { operation: 'unpack layer', cause: error })
    throw isDecompressionError(error) ? decompressionError(error) : error
  }
  reader.end()
  const diffId = `${algorithmOf(options.diffId)}:${hash.digest('hex')}`
  if (diffId !== options.diffId) {
    throw new UtsuwaError('DIGEST_MISMATCH', `expected diff id ${options.diffId}, got ${diffId}`, {
      operation: 'unpack layer',
    })
  }
  await applier.finish()
  const { opaqueRoot, root } = translator
  return { size: counted.uncompressed, entries: reader.entries, opaqueRoot, root }
}

/** Calls `take` for each uncompressed chunk, one after the other. */
async function decompressed(
  source: AsyncIterable<Buffer> | Buffer,
  counted: { compressed: number },
  signal: AbortSignal | undefined,
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  if (!Buffer.isBuffer(source)) return await stream(source, counted, signal, take)
  const all = decompressSmall(source)
  if (all === undefined) return await stream([source], counted, signal, take)
  counted.compressed = source.length
  await take(all)
}

async function stream(
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  counted: { compressed: number },
  signal: AbortSignal | undefined,
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  async function* count(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      counted.compressed += chunk.length
      yield chunk
    }
  }
  async function sink(chunks: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of chunks) await take(chunk)
  }
  async function sinkAndDiscard(chunks: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of chunks) {
      await take(chunk)
      discardChunk(chunk)
    }
  }
  const counter = count()
  const options = signal === undefined ? {} : { signal }
  try {
    const { start, all } = await peek(counter, 4)
    const decompressor = decompressorFor(start)
    if (decompressor === undefined) await pipeline(all, sink, options)
    else await pipeline(all, decompressor, sinkAndDiscard, options)
  } finally {
    // A pipeline that fails early leaves its source as it is, with an open file. Not awaited: the source may be waiting
    // for a download that is no longer needed.
    counter.return(undefined).catch(() => undefined)
  }
}

/** The first bytes of a stream, `length` of them or more unless it is shorter, and the whole stream again. */
async function peek(
  source: AsyncGenerator<Buffer>,
  length: number,
): Promise<{ start: Buffer; all: AsyncIterable<Buffer> }> {
  let start: Buffer = Buffer.alloc(0)
  while (start.length < length) {
    const next = await source.next()
    if (next.done) break
    // A copy of a small one: its memory may be used again.
    start = start.length === 0 && next.value.length >= length ? next.value : Buffer.concat([start, next.value])
  }
  async function* all(): AsyncGenerator<Buffer> {
    if (start.length > 0) yield start
    yield* source
  }
  return { start, all: all() }
}

function isDecompressionError(error: unknown): error is Error & { code: unknown } {
  return (
    error instanceof Error && 'code' in error && /^(?:Z_|ZSTD_|ERR_ZLIB|ERR__ERROR_FORMAT)/.test(String(error.code))
  )
}

function decompressionError({ code, message }: Error & { code: unknown }): UtsuwaError {
  if (code !== 'ZSTD_error_frameParameter_windowTooLarge')
    return corrupt(`the compressed stream is damaged: ${message}`)
  const limit = 2 ** ZSTD_WINDOW_LOG
  return limitExceeded(`a zstd window of more than ${limit} bytes`, limit)
}
