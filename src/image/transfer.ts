/**
 * All layers of an image at once: some on their way from the registry, some being unpacked, each as soon as it can be.
 *
 * A layer is unpacked while it still arrives. What is unpacked stays in `tmp/` until the digests of both the stored and
 * the uncompressed bytes are known to hold.
 */
import { availableParallelism } from 'node:os'
import { blobSize, putBlobs, receiveBlob, streamBlob } from '../content/blobs.ts'
import type { Flush } from '../content/flush.ts'
import { type BlobReader, Ingest } from '../content/ingest.ts'
import { workName } from '../content/paths.ts'
import { acquireWorkDirectory, type WorkDirectory } from '../content/work-directory.ts'
import type { Appliers } from '../layer/applier.ts'
import type { LayerLimits } from '../layer/limits.ts'
import type { RateLimit } from '../registry/rate-limit.ts'
import { commitLayer, readLayer } from '../snapshot/layers.ts'
import type { Descriptor, DiffId, Digest } from '../spec/image.ts'
import { Semaphore } from './semaphore.ts'

/** What a pull has come to. */
export type PullProgress =
  /** `rateLimit` where the registry tells how many pulls it still allows. */
  | { kind: 'resolved'; reference: string; digest: Digest; layers: Descriptor[]; rateLimit?: RateLimit }
  /** The layer is in the store already, or its bytes are. */
  | { kind: 'present'; digest: Digest }
  /** `current` of `total` compressed bytes are here. */
  | { kind: 'downloading'; digest: Digest; current: number; total: number }
  /** All bytes are here; their digest is checked and they are flushed to disk. */
  | { kind: 'verifying'; digest: Digest }
  | { kind: 'downloaded'; digest: Digest }
  | { kind: 'unpacking'; digest: Digest }
  | { kind: 'unpacked'; digest: Digest }

/** As many blobs at once as docker fetches; registries expect it. */
const DOWNLOADS = 3
/** Small blobs at a time, which are mostly waited for: as many as podman fetches. */
const SMALL_DOWNLOADS = 6
const UNPACKS = Math.max(2, availableParallelism())
/** Small layers at a time, which mostly wait for a process to start. */
const SMALL_UNPACKS = 8

/** Bytes. Smaller blobs are had in memory: a file that others can follow costs more than they do. */
const SMALL = 32 * 1024

export interface LayerToPull {
  layer: Descriptor
  diffId: DiffId
}

/** The bytes of a layer as stored: from a registry, an archive, a directory. */
export type ReadLayer = (layer: Descriptor) => BlobReader

export interface TransferOptions {
  appliers: Appliers
  flush: Flush
  onProgress: (progress: PullProgress) => void
  /** Called at the first failure; what `readLayer` returns must listen to it as well. */
  stop: () => void
  /** Fires after `stop`, or when the caller of the pull wants no more. */
  signal: AbortSignal
  limits: Partial<LayerLimits> | undefined
  /** What has arrived of a layer when the network breaks down is kept, and only the rest is read. Default false. */
  resumable?: boolean
}

export class LayerTransfer {
  readonly #root: string
  readonly #readLayer: ReadLayer
  readonly #options: TransferOptions
  readonly #downloads = new Semaphore(DOWNLOADS)
  readonly #smallDownloads = new Semaphore(SMALL_DOWNLOADS)
  readonly #unpacks = new Semaphore(UNPACKS)
  readonly #smallUnpacks = new Semaphore(SMALL_UNPACKS)
  #failure: { error: unknown } | undefined

  constructor(root: string, readLayer: ReadLayer, options: TransferOptions) {
    this.#root = root
    this.#readLayer = readLayer
    this.#options = options
  }

  /**
   * Resolves when all layers are stored and unpacked. After an error every task has ended before it is thrown: no one
   * writes to the store any more.
   */
  async run(layers: readonly LayerToPull[]): Promise<void> {
    // An image may have the same layer twice; it is one directory.
    const unique = [...new Map(layers.map(item => [item.diffId, item])).values()]
    await Promise.all(unique.map(item => this.#guard(this.#layer(item))))
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Never rejects: the first failure is kept and stops everything, those that follow from it tell nothing new. */
  async #guard(task: Promise<void>): Promise<void> {
    try {
      await task
    } catch (error) {
      this.#failure ??= { error }
      this.#options.stop()
    }
  }

  async #layer({ layer, diffId }: LayerToPull): Promise<void> {
    const { flush, onProgress, signal } = this.#options
    using writing = flush.writing()
    if (
      (await blobSize(this.#root, layer.digest)) !== undefined &&
      (await readLayer(this.#root, diffId)) !== undefined
    ) {
      onProgress({ kind: 'present', digest: layer.digest })
      return
    }
    await using work = await acquireWorkDirectory(this.#root, workName('layer', layer.digest), signal)
    const unpack = async (source: () => AsyncIterable<Buffer> | Buffer) => {
      // Another process may have done it while we waited for the directory.
      if ((await readLayer(this.#root, diffId)) === undefined) await this.#unpack(layer, diffId, work, source, writing)
    }
    if ((await blobSize(this.#root, layer.digest)) !== undefined) {
      onProgress({ kind: 'present', digest: layer.digest })
      await unpack(() => streamBlob(this.#root, layer.digest))
    } else if (layer.size <= SMALL) await this.#downloadWhole(layer, unpack)
    else await this.#download(layer, unpack)
  }

  /** Has the blob in memory, stores it, and unpacks it at the same time. */
  async #downloadWhole(layer: Descriptor, unpack: (source: () => Buffer) => Promise<void>): Promise<void> {
    const { flush, onProgress } = this.#options
    const { digest, size } = layer
    const bytes = await this.#smallDownloads.run(() => receiveBlob(this.#readLayer(layer), layer))
    onProgress({ kind: 'downloading', digest, current: size, total: size })
    onProgress({ kind: 'verifying', digest })
    const store = async () => {
      await putBlobs(this.#root, new Map([[digest, bytes]]), flush)
      onProgress({ kind: 'downloaded', digest })
    }
    await Promise.all([this.#guard(store()), this.#guard(unpack(() => bytes))])
  }

  /** Stores a blob as it arrives, and unpacks it at the same time; both anew where the bytes are wrong and there are others. */
  async #download(layer: Descriptor, unpack: (source: () => AsyncIterable<Buffer>) => Promise<void>): Promise<void> {
    const reader = this.#readLayer(layer)
    while ((await this.#downloadOnce(layer, reader, unpack)) === 'wrong');
  }

  async #downloadOnce(
    layer: Descriptor,
    reader: BlobReader,
    unpack: (source: () => AsyncIterable<Buffer>) => Promise<void>,
  ): Promise<'done' | 'wrong'> {
    const { flush, resumable = false } = this.#options
    const ingest = await Ingest.open(this.#root, layer, { flush, resumable })
    try {
      const started = Promise.withResolvers<void>()
      let outcome: 'done' | 'wrong' = 'done'
      const download = async () => {
        try {
          await this.#downloads.run(() => {
            started.resolve()
            return this.#fetch(ingest, layer, reader)
          })
        } catch (error) {
          const failure = reader.failed === undefined ? error : reader.failed(error)
          if (failure !== undefined) throw failure
          outcome = 'wrong'
          return
        }
        await ingest.commit()
        this.#options.onProgress({ kind: 'downloaded', digest: layer.digest })
      }
      const downloaded = this.#guard(download())
      // An unpack must not occupy a slot while its download waits for one.
      const unpackMeanwhile = async () => {
        await started.promise
        try {
          await unpack(() => ingest.follow())
        } catch (error) {
          // Is it the layer, or is it that its bytes are wrong? That shows at their end.
          if (reader.hasOthers || ingest.hasFailed) await downloaded
          if (outcome === 'done') throw error
        }
      }
      await Promise.all([downloaded, this.#guard(unpackMeanwhile())])
      return outcome
    } finally {
      await ingest.close()
    }
  }

  async #fetch(ingest: Ingest, { digest, size }: Descriptor, reader: BlobReader): Promise<void> {
    const { onProgress } = this.#options
    await ingest.take(
      offset => reader.read(offset),
      current => {
        onProgress({ kind: 'downloading', digest, current, total: size })
        if (current === size) onProgress({ kind: 'verifying', digest })
      },
    )
  }

  async #unpack(
    { digest, size }: Descriptor,
    diffId: DiffId,
    work: WorkDirectory,
    source: () => AsyncIterable<Buffer> | Buffer,
    writing: Disposable,
  ): Promise<void> {
    const { appliers, flush, onProgress, limits, signal } = this.#options
    await commitLayer(this.#root, diffId, source, {
      appliers,
      flush,
      signal,
      workDirectory: work.path,
      inTurn: apply =>
        (size <= SMALL ? this.#smallUnpacks : this.#unpacks).run(async () => {
          onProgress({ kind: 'unpacking', digest })
          await apply()
          writing[Symbol.dispose]()
        }),
      ...(limits === undefined ? {} : { limits }),
    })
    onProgress({ kind: 'unpacked', digest })
  }
}
