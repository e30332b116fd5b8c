/** What pull, load and import have in common: an image whose documents are at hand goes into the store, layers and all. */
import { statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { blobSize, putBlobs } from '../content/blobs.ts'
import { Flush } from '../content/flush.ts'
import { REF_NAME, updateIndex } from '../content/index-file.ts'
import { isInterruption } from '../content/ingest.ts'
import { acquireLock } from '../content/lock.ts'
import { layoutPath, makeStore, partialPath, storeLockPath } from '../content/paths.ts'
import { collectWorkDirectories } from '../content/work-directory.ts'
import { UtsuwaError } from '../errors.ts'
import { Appliers } from '../layer/applier.ts'
import { checkLayerMediaType } from '../layer/decompress.ts'
import type { LayerLimits } from '../layer/limits.ts'
import {
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  MEDIA_TYPE,
  type Platform,
  parseImageConfig,
} from '../spec/image.ts'
import { collectGarbageIfIdle } from './garbage.ts'
import { type Image, loadImage, nameOf } from './image.ts'
import { formatPlatform, hostPlatform } from './platform.ts'
import { LayerTransfer, type PullProgress, type ReadLayer } from './transfer.ts'

const CONFIG_MEDIA_TYPES = new Set<string>([MEDIA_TYPE.ociConfig, 'application/vnd.docker.container.image.v1+json'])

/** What works on an image together, and what stops it. */
export interface Work {
  readonly appliers: Appliers
  readonly flush: Flush
  /** Fires when one part fails, or when the caller wants no more. */
  readonly signal: AbortSignal
  stop(): void
}

/**
 * Runs what adds to the store: removals wait, and what was left over or falls out of use is collected.
 *
 * @throws UtsuwaError NOT_ROOT, NO_SPACE, ABORTED, and what `add` throws
 */
export async function addingTo<T>(
  root: string,
  signal: AbortSignal | undefined,
  add: (work: Work) => Promise<T>,
): Promise<T> {
  await makeStore(root)
  try {
    const result = await addLocked(root, signal, add)
    // What a name stood for before may be unused now.
    await collectGarbageIfIdle(root)
    return result
  } catch (error) {
    // The layers that are finished save time when the network is back; the rest of a bad image is only in the way.
    if (!isInterruption(error)) await collectGarbageIfIdle(root)
    throw error
  }
}

async function addLocked<T>(
  root: string,
  signal: AbortSignal | undefined,
  add: (work: Work) => Promise<T>,
): Promise<T> {
  await using _lock = await acquireLock(storeLockPath(root), 'shared', signal)
  await collectWorkDirectories(root)
  await using appliers = new Appliers()
  await using flush = new Flush(root)
  const stop = new AbortController()
  const combined = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  return await add({ appliers, flush, signal: combined, stop: () => stop.abort() })
}

export interface ImageToAdd {
  /** Full reference, or undefined for an image that has only its id. */
  name: string | undefined
  descriptor: { mediaType: string; digest: Digest }
  manifest: ImageManifest
  /** Known to have the digest of `descriptor`. */
  manifestBytes: Buffer
  /** Known to have the digest that the manifest gives. */
  configBytes: Buffer
  readLayer: ReadLayer
}

export interface AddOptions extends Work {
  /** For errors: `pull alpine`. */
  operation: string
  onProgress: (progress: PullProgress) => void
  /** What the caller asked for; undefined: any Linux. */
  platform: Platform | undefined
  limits: Partial<LayerLimits> | undefined
  /** As in TransferOptions. */
  resumable?: boolean
}

/** Stores and unpacks the layers, then the documents, and gives the image its name last: it is there entirely or not at all. */
export async function addImage(root: string, image: ImageToAdd, options: AddOptions): Promise<Image> {
  const { name, descriptor, manifest, manifestBytes, configBytes, readLayer } = image
  const { operation, platform, onProgress, flush } = options
  const config = parseImageConfig(configBytes)
  checkConfig(operation, config, manifest, platform)
  onProgress({
    kind: 'resolved',
    reference: name ?? descriptor.digest,
    digest: descriptor.digest,
    layers: manifest.layers,
  })
  await checkSpace(root, operation, manifest.layers)

  const transfer = new LayerTransfer(root, readLayer, options)
  await transfer.run(manifest.layers.map((layer, index) => ({ layer, diffId: config.rootfs.diff_ids[index]! })))

  const documents = new Map([
    [manifest.config.digest, configBytes],
    [descriptor.digest, manifestBytes],
  ])
  await putBlobs(root, documents, flush)
  // All that has its name now must keep it when the name of the image, which leads to it, is on disk.
  await flush.flush()
  const { os, architecture, variant } = config
  const entry: Descriptor = {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: manifestBytes.length,
    ...(name === undefined ? {} : { annotations: { [REF_NAME]: name } }),
    platform: { os, architecture, ...(variant ? { variant } : {}) },
  }
  await updateIndex(root, entries => withEntry(entries, entry))
  return loadImage(root, entry)
}

/** A name belongs to one image; an image without a name is listed only while it has none. */
export function withEntry(entries: readonly Descriptor[], entry: Descriptor): Descriptor[] {
  const name = nameOf(entry)
  if (name === undefined && entries.some(({ digest }) => digest === entry.digest)) return [...entries]
  const others = entries.filter(other =>
    nameOf(other) === undefined ? other.digest !== entry.digest : nameOf(other) !== name,
  )
  return [...others, entry]
}

/** @throws UtsuwaError UNSUPPORTED_MEDIA_TYPE for what is no image that a container can be made from */
export function checkConfigMediaType({ mediaType, digest }: Descriptor): void {
  if (CONFIG_MEDIA_TYPES.has(mediaType)) return
  throw new UtsuwaError('UNSUPPORTED_MEDIA_TYPE', `no container image: its config is ${mediaType}`, {
    operation: `fetch image config ${digest}`,
  })
}

function checkConfig(
  operation: string,
  config: ImageConfig,
  { layers }: ImageManifest,
  wanted: Platform | undefined,
): void {
  const { diff_ids: diffIds } = config.rootfs
  if (diffIds.length !== layers.length) {
    throw new UtsuwaError('INVALID_SPEC', `has ${diffIds.length} diff ids for ${layers.length} layers`, {
      operation,
      configPointer: '/rootfs/diff_ids',
    })
  }
  for (const { mediaType } of layers) checkLayerMediaType(mediaType)
  const matches = config.os === 'linux' && (wanted === undefined || config.architecture === wanted.architecture)
  if (matches) return
  const reason = `the image is for ${formatPlatform(config)}, not for ${formatPlatform(wanted ?? hostPlatform())}`
  throw new UtsuwaError('PLATFORM_NOT_FOUND', reason, { operation })
}

/**
 * Says at once that the missing layers cannot fit, compressed as they come, instead of after minutes. How much room they
 * take unpacked is not known before.
 */
async function checkSpace(root: string, operation: string, layers: readonly Descriptor[]): Promise<void> {
  const missing = new Map<Digest, number>()
  for (const { digest, size } of layers) {
    if ((await blobSize(root, digest)) !== undefined) continue
    const arrived = statSync(partialPath(root, digest), { throwIfNoEntry: false })?.size ?? 0
    missing.set(digest, Math.max(0, size - arrived))
  }
  const needed = [...missing.values()].reduce((sum, size) => sum + size, 0)
  if (needed === 0) return
  const { bavail, bsize } = await statfs(layoutPath(root))
  const free = bavail * bsize
  if (needed <= free) return
  throw new UtsuwaError('NO_SPACE', `its layers need ${needed} bytes and more unpacked, ${free} are free`, {
    operation,
    path: root,
    hint: 'make room with utsuwa prune, or utsuwa prune -a',
  })
}
