/** From a reference to unpacked layers. */
import { UtsuwaError } from '../errors.ts'
import type { LayerLimits } from '../layer/limits.ts'
import { formatReference, parseReference, type Reference } from '../reference/reference.ts'
import { RegistryClient, type RegistryOptions } from '../registry/client.ts'
import type { RateLimit } from '../registry/rate-limit.ts'
import {
  type Digest,
  type ImageManifest,
  MAX_CONFIG_SIZE,
  MEDIA_TYPE,
  type Platform,
  parseManifestDocument,
} from '../spec/image.ts'
import { addImage, addingTo, checkConfigMediaType } from './add.ts'
import type { Image } from './image.ts'
import { hostPlatform, parsePlatform, selectManifest } from './platform.ts'
import type { PullProgress, ReadLayer } from './transfer.ts'

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
  const name = formatReference(parsed)
  return addingTo(root, options.signal, async work => {
    await using client = await RegistryClient.open(parsed.registry, { ...options, signal: work.signal })
    const { descriptor, manifest, bytes } = await resolveManifest(client, parsed, platform)
    const configBytes = await fetchConfig(client, parsed, manifest)
    const readLayer: ReadLayer = layer => client.blobReader(parsed.repository, layer)
    return await addImage(
      root,
      { name, descriptor, manifest, manifestBytes: bytes, configBytes, readLayer },
      {
        ...work,
        operation: `pull ${name}`,
        onProgress: event => options.onProgress?.(withRateLimit(event, client.rateLimit)),
        // An image that names another machine is taken unless the caller says which one to pull for.
        platform: options.platform === undefined ? undefined : platform,
        limits: options.limits,
        resumable: true,
      },
    )
  })
}

function withRateLimit(event: PullProgress, rateLimit: RateLimit | undefined): PullProgress {
  return event.kind === 'resolved' && rateLimit !== undefined ? { ...event, rateLimit } : event
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
): Promise<Buffer> {
  const operation = `fetch image config ${descriptor.digest}`
  checkConfigMediaType(descriptor)
  if (descriptor.size > MAX_CONFIG_SIZE) {
    throw new UtsuwaError('LIMIT_EXCEEDED', `${descriptor.size} bytes, the limit is ${MAX_CONFIG_SIZE}`, { operation })
  }
  return client.fetchBlob(repository, descriptor)
}
