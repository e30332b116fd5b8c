/** An image of the store: what its manifest and config say, and its unpacked layers. */
import { readBlob } from '../content/blobs.ts'
import { REF_NAME, readIndex } from '../content/index-file.ts'
import { UtsuwaError } from '../errors.ts'
import { formatReference, parseReference } from '../reference/reference.ts'
import { readLayer } from '../snapshot/layers.ts'
import {
  type Descriptor,
  type DiffId,
  type Digest,
  hexOf,
  type ImageConfig,
  type ImageManifest,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  parseImageConfig,
  parseManifestDocument,
} from '../spec/image.ts'

export interface Image {
  /** The full name: `docker.io/library/alpine:latest`. */
  reference: string
  manifestDigest: Digest
  /** Image id: the digest of the image config. */
  id: Digest
  config: ImageConfig
  /** Lowest layer first. */
  diffIds: DiffId[]
  /** Bytes of all layers, uncompressed. */
  size: number
  /** RFC 3339, where the image says it. */
  created?: string
}

/** Digits of an id that a person must type at least. */
const MIN_ID_PREFIX = 4

/**
 * All images, in the order in which they were pulled.
 *
 * @throws UtsuwaError STORE_CORRUPT
 */
export async function listImages(root: string): Promise<Image[]> {
  const images: Image[] = []
  for (const entry of await readIndexIfAny(root)) images.push(await loadImage(root, entry))
  return images
}

/**
 * The image that a name (`alpine`), an image id or its beginning, or a manifest digest means.
 *
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_REFERENCE, INVALID_ARGUMENT when an id is ambiguous
 */
export async function resolveImage(root: string, text: string): Promise<Image> {
  const entries = await readIndexIfAny(root)
  const name = fullNameOf(text)
  const named = entries.find(entry => nameOf(entry) === name)
  if (named !== undefined) return loadImage(root, named)
  const images = await Promise.all(entries.map(entry => loadImage(root, entry)))
  const found = images.filter(image => isMeant(image, text))
  const [image] = found
  if (image === undefined) {
    if (name === undefined) parseReference(text) // Says what is wrong with the name.
    throw new UtsuwaError('IMAGE_NOT_FOUND', 'no such image in the store', {
      operation: `find image ${text}`,
      hint: `utsuwa pull ${text}`,
    })
  }
  if (new Set(found.map(({ id }) => id)).size > 1) {
    throw new UtsuwaError('INVALID_ARGUMENT', `${found.length} images begin so`, { operation: `find image ${text}` })
  }
  return image
}

export function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[REF_NAME]
}

export async function loadManifest(root: string, entry: Descriptor): Promise<ImageManifest> {
  const document = parseManifestDocument(await readBlob(root, entry.digest, MAX_MANIFEST_SIZE))
  if (document.kind === 'manifest') return document.manifest
  throw new UtsuwaError('STORE_CORRUPT', 'an index where a manifest belongs', {
    operation: `read image ${nameOf(entry)}`,
  })
}

export async function loadImage(root: string, entry: Descriptor): Promise<Image> {
  const manifest = await loadManifest(root, entry)
  const config = parseImageConfig(await readBlob(root, manifest.config.digest, MAX_CONFIG_SIZE))
  const diffIds = config.rootfs.diff_ids
  const layers = await Promise.all(diffIds.map(diffId => readLayer(root, diffId)))
  return {
    reference: nameOf(entry) ?? `@${entry.digest}`,
    manifestDigest: entry.digest,
    id: manifest.config.digest,
    config,
    diffIds,
    size: layers.reduce((sum, layer) => sum + (layer?.size ?? 0), 0),
    ...(config.created === undefined ? {} : { created: config.created }),
  }
}

/** A store that nobody has pulled into yet has no images, and asking must not make it. */
async function readIndexIfAny(root: string): Promise<Descriptor[]> {
  return readIndex(root).catch((error: unknown) => {
    if (error instanceof UtsuwaError && isMissingFile(error.cause)) return []
    throw error
  })
}

function isMissingFile(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}

function fullNameOf(text: string): string | undefined {
  try {
    return formatReference(parseReference(text))
  } catch {
    return undefined // An image id, perhaps; the caller reports it otherwise.
  }
}

function isMeant({ id, manifestDigest }: Image, text: string): boolean {
  if (text === id || text === manifestDigest) return true
  const prefix = text.startsWith('sha256:') ? text.slice('sha256:'.length) : text
  return prefix.length >= MIN_ID_PREFIX && /^[0-9a-f]+$/.test(prefix) && hexOf(id).startsWith(prefix)
}
