/** From a reference to unpacked layers. */
import { putBlob } from '../content/blobs.ts'
import { REF_NAME, updateIndex } from '../content/index-file.ts'
import { acquireLock } from '../content/lock.ts'
import { makeStore, storeLockPath } from '../content/paths.ts'
import { collectLeftovers } from '../content/work-directory.ts'
import { UtsuwaError } from '../errors.ts'
import { checkLayerMediaType } from '../layer/decompress.ts'
import type { LayerLimits } from '../layer/limits.ts'
import { formatReference, parseReference, type Reference } from '../reference/reference.ts'
import { RegistryClient, type RegistryOptions } from '../registry/client.ts'
import {
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  MAX_CONFIG_SIZE,
  MEDIA_TYPE,
  type Platform,
  parseImageConfig,
  parseManifestDocument,
} from '../spec/image.ts'
import { type Image, loadImage } from './image.ts'
import { formatPlatform, hostPlatform, parsePlatform, selectManifest } from './platform.ts'
import { collectGarbageIfIdle } from './remove.ts'
import { LayerTransfer, type PullProgress } from './transfer.ts'

export type { PullProgress } from './transfer.ts'

export interface PullOptions extends Omit<RegistryOptions, 'signal'> {
  /** Store root. */
  root: string
  /** `linux/arm64`, `linux/arm/v7`. Default: this machine. */
  platform?: string
  signal?: AbortSignal
  /** Called often; must not throw. */
  onProgress?: (progress: PullProgress) => void
  limits?: Partial<LayerLimits>
}

const CONFIG_MEDIA_TYPES = new Set<string>([MEDIA_TYPE.ociConfig, 'application/vnd.docker.container.image.v1+json'])

/**
 * Pulls an image and unpacks its layers; what is in the store already is not fetched again.
 *
 * Resolves when the image is complete and on disk. Until then the store does not know it, and after a crash at any
 * moment the next pull goes on with the layers that were finished.
 *
 * @param reference `alpine`, `localhost:5000/team/app:1.2`, `ghcr.io/a/b@sha256:…`
 * @throws UtsuwaError INVALID_REFERENCE, IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, REGISTRY_*, DIGEST_MISMATCH, SIZE_MISMATCH,
 *   UNSAFE_LAYER, CORRUPT_LAYER, LIMIT_EXCEEDED, UNSUPPORTED_MEDIA_TYPE, NO_SPACE, NOT_ROOT, ABORTED
 */
export async function pull(reference: string, options: PullOptions): Promise<Image> {
  const { root } = options
  const parsed = parseReference(reference)
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform)
  await makeStore(root)
  try {
    const image = await pullShared(parsed, platform, options)
    // What the name stood for before may be unused now.
    await collectGarbageIfIdle(root)
    return image
  } catch (error) {
    if (!isWorthResuming(error)) await collectGarbageIfIdle(root)
    throw error
  }
}

async function pullShared(reference: Reference, platform: Platform, options: PullOptions): Promise<Image> {
  const { root, signal } = options
  await using _lock = await acquireLock(storeLockPath(root), 'shared', signal)
  await collectLeftovers(root)
  // Aborted when a layer fails, so that the others stop.
  const stop = new AbortController()
  const combined = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  await using client = new RegistryClient(reference.registry, { ...options, signal: combined })
  return await pullLocked(client, reference, platform, { ...options, signal: combined, stop: () => stop.abort() })
}

/** The layers that are finished save time when the network is back; the rest of a bad image is only in the way. */
function isWorthResuming(error: unknown): boolean {
  return error instanceof UtsuwaError && (error.code === 'ABORTED' || error.code.startsWith('REGISTRY_'))
}

async function pullLocked(
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
  options: PullOptions & { signal: AbortSignal; stop: () => void },
): Promise<Image> {
  const { root, onProgress = () => undefined } = options
  const name = formatReference(reference)
  const { descriptor, manifest, bytes } = await resolveManifest(client, reference, platform)
  onProgress({ kind: 'resolved', reference: name, digest: descriptor.digest, layers: manifest.layers })
  const { config, configBytes } = await fetchConfig(client, reference, manifest)
  checkConfig(name, config, manifest, options.platform === undefined ? undefined : platform)

  const { limits, signal, stop } = options
  const transfer = new LayerTransfer(root, client, reference.repository, { onProgress, signal, stop, limits })
  await transfer.run(manifest.layers.map((layer, index) => ({ layer, diffId: config.rootfs.diff_ids[index]! })))

  await putBlob(root, manifest.config.digest, configBytes)
  await putBlob(root, descriptor.digest, bytes)
  const entry: Descriptor = {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: bytes.length,
    annotations: { [REF_NAME]: name },
    platform: {
      os: config.os,
      architecture: config.architecture,
      ...(config.variant ? { variant: config.variant } : {}),
    },
  }
  await updateIndex(root, entries => [...entries.filter(({ annotations }) => annotations?.[REF_NAME] !== name), entry])
  return loadImage(root, entry)
}

interface ResolvedManifest {
  descriptor: { mediaType: string; digest: Digest }
  manifest: ImageManifest
  bytes: Buffer
}

async function resolveManifest(
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
): Promise<ResolvedManifest> {
  const name = formatReference(reference)
  const first = await client.fetchManifest(reference)
  const document = parseManifestDocument(first.bytes, first.mediaType)
  if (document.kind === 'manifest') return resolved(document.manifest, first)
  const chosen = selectManifest(document.index, platform, name)
  const second = await client.fetchManifest({ ...reference, digest: chosen.digest })
  if (second.bytes.length !== chosen.size) {
    throw new UtsuwaError('SIZE_MISMATCH', `${second.bytes.length} bytes, its descriptor says ${chosen.size}`, {
      operation: `fetch manifest ${chosen.digest}`,
    })
  }
  const nested = parseManifestDocument(second.bytes, chosen.mediaType)
  if (nested.kind === 'manifest') return resolved(nested.manifest, second)
  throw new UtsuwaError('UNSUPPORTED_MEDIA_TYPE', 'an index within an index', { operation: `pull ${name}` })
}

function resolved(
  manifest: ImageManifest,
  { bytes, digest, mediaType }: { bytes: Buffer; digest: Digest; mediaType: string | undefined },
): ResolvedManifest {
  return {
    descriptor: { mediaType: manifest.mediaType ?? mediaType ?? MEDIA_TYPE.ociManifest, digest },
    manifest,
    bytes,
  }
}

async function fetchConfig(
  client: RegistryClient,
  { repository }: Reference,
  { config: descriptor }: ImageManifest,
): Promise<{ config: ImageConfig; configBytes: Buffer }> {
  const operation = `fetch image config ${descriptor.digest}`
  if (!CONFIG_MEDIA_TYPES.has(descriptor.mediaType)) {
    throw new UtsuwaError('UNSUPPORTED_MEDIA_TYPE', `no container image: its config is ${descriptor.mediaType}`, {
      operation,
    })
  }
  if (descriptor.size > MAX_CONFIG_SIZE) {
    throw new UtsuwaError('LIMIT_EXCEEDED', `${descriptor.size} bytes, the limit is ${MAX_CONFIG_SIZE}`, { operation })
  }
  const configBytes = await client.fetchBlob(repository, descriptor)
  return { config: parseImageConfig(configBytes), configBytes }
}

function checkConfig(name: string, config: ImageConfig, { layers }: ImageManifest, wanted: Platform | undefined): void {
  const operation = `pull ${name}`
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
