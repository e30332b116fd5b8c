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

/** An image of the store, unpacked. */
export interface Image {
  /** The full name: `docker.io/library/alpine:latest`; `@sha256:…` of the manifest for an image without a name. */
  reference: string
  /** Digest of its manifest, as the registry has it. */
  manifestDigest: Digest
  /** Image id: the digest of the image config. */
  id: Digest
  /** The image config: what to run, as whom, on which platform. */
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
 * @throws UtsuwaError STORE_CORRUPT that says which image to remove
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
  return loadImage(root, (await resolveEntries(root, text)).entries[0])
}

export interface ResolvedEntries {
  /** The one that has the name; all of the image, when it was given by id or digest. */
  entries: [Descriptor, ...Descriptor[]]
  byName: boolean
}

/**
 * What `text` means, without reading more than it takes: a name is found even when its image is damaged.
 *
 * @throws UtsuwaError as resolveImage
 */
export async function resolveEntries(root: string, text: string): Promise<ResolvedEntries> {
  const entries = await readIndexIfAny(root)
  const name = fullNameOf(text)
  const named = entries.find(entry => nameOf(entry) === name && name !== undefined)
  if (named !== undefined) return { entries: [named], byName: true }
  const found: { entry: Descriptor; id: Digest }[] = []
  for (const entry of entries) {
    const id = await imageIdOf(root, entry)
    if (isMeant(id, entry.digest, name, text)) found.push({ entry, id })
  }
  const [first, ...more] = found
  if (first === undefined) {
    if (name === undefined) parseReference(text) // Says what is wrong with the name.
    throw new UtsuwaError('IMAGE_NOT_FOUND', 'no such image in the store', {
      operation: `find image ${text}`,
      hint: `utsuwa pull ${text}`,
    })
  }
  if (more.some(({ id }) => id !== first.id)) {
    throw new UtsuwaError('INVALID_ARGUMENT', `${found.length} images begin so`, { operation: `find image ${text}` })
  }
  return { entries: [first.entry, ...more.map(({ entry }) => entry)], byName: false }
}

/** That of a damaged image is its manifest's digest, so that it can be spoken of. */
async function imageIdOf(root: string, entry: Descriptor): Promise<Digest> {
  return loadManifest(root, entry).then(
    ({ config }) => config.digest,
    () => entry.digest,
  )
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

/** @throws UtsuwaError STORE_CORRUPT that says which image to remove */
export async function loadImage(root: string, entry: Descriptor): Promise<Image> {
  const reference = referenceOf(entry)
  try {
    const manifest = await loadManifest(root, entry)
    const config = parseImageConfig(await readBlob(root, manifest.config.digest, MAX_CONFIG_SIZE))
    const diffIds = config.rootfs.diff_ids
    const layers = await Promise.all(diffIds.map(diffId => readLayer(root, diffId)))
    return {
      reference,
      manifestDigest: entry.digest,
      id: manifest.config.digest,
      config,
      diffIds,
      size: layers.reduce((sum, layer) => sum + (layer?.size ?? 0), 0),
      ...(config.created === undefined ? {} : { created: config.created }),
    }
  } catch (cause) {
    if (!(cause instanceof UtsuwaError)) throw cause
    throw new UtsuwaError('STORE_CORRUPT', cause.message, {
      operation: `read image ${reference}`,
      hint: `remove it with utsuwa rmi ${reference}, then pull it again`,
      cause,
    })
  }
}

/** What an image is called: its name, or for one without a name what else leads to it. */
export function referenceOf(entry: Descriptor): string {
  return nameOf(entry) ?? `@${entry.digest}`
}

/** A store that does not exist yet has no images, and asking must not make it. */
export async function readIndexIfAny(root: string): Promise<Descriptor[]> {
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

function isMeant(id: Digest, manifestDigest: Digest, name: string | undefined, text: string): boolean {
  if (text === id || text === manifestDigest || text === `@${manifestDigest}`) return true
  // A name by digest that was pulled by tag: `alpine@sha256:…`.
  if (name?.endsWith(`@${manifestDigest}`)) return true
  const prefix = text.startsWith('sha256:') ? text.slice('sha256:'.length) : text
  return prefix.length >= MIN_ID_PREFIX && /^[0-9a-f]+$/.test(prefix) && hexOf(id).startsWith(prefix)
}
