/** What there is to know about an image: its names, documents, layers and history. */

import { parseReference } from '../reference/reference.ts'
import { readLayer } from '../snapshot/layers.ts'
import type { Descriptor, DiffId, Digest, ImageHistory } from '../spec/image.ts'
import { type Image, loadImage, loadManifest, nameOf, readIndexIfAny, resolveEntries } from './image.ts'

/** A layer of an image, as stored and as unpacked. */
export interface ImageLayer {
  /** Digest of the stored bytes. */
  digest: Digest
  mediaType: string
  /** Stored bytes. */
  size: number
  diffId: DiffId
  /** Bytes uncompressed; undefined when it is not unpacked. */
  unpackedSize?: number
}

/** All that the store knows of an image. */
export interface ImageDetails extends Image {
  /** Every name of the image. */
  names: string[]
  /** Every repository that it is known in, by digest: `docker.io/library/alpine@sha256:…`. */
  repoDigests: string[]
  manifestMediaType: string
  /** Lowest first. */
  layers: ImageLayer[]
  annotations: Record<string, string>
}

/** @throws UtsuwaError as resolveImage */
export async function inspectImage(root: string, text: string): Promise<ImageDetails> {
  const [entry] = (await resolveEntries(root, text)).entries
  const [image, manifest] = [await loadImage(root, entry), await loadManifest(root, entry)]
  const names = (await readIndexIfAny(root))
    .filter(({ digest }) => digest === entry.digest)
    .flatMap(e => nameOf(e) ?? [])
  return {
    ...image,
    names,
    repoDigests: [...new Set(names.map(name => repositoryOf(name)))].map(name => `${name}@${entry.digest}`),
    manifestMediaType: entry.mediaType,
    layers: await Promise.all(manifest.layers.map((layer, index) => describeLayer(root, layer, image.diffIds[index]!))),
    annotations: manifest.annotations ?? {},
  }
}

function repositoryOf(name: string): string {
  const { registry, repository } = parseReference(name)
  return `${registry}/${repository}`
}

async function describeLayer(
  root: string,
  { digest, mediaType, size }: Descriptor,
  diffId: DiffId,
): Promise<ImageLayer> {
  const unpacked = await readLayer(root, diffId)
  return { digest, mediaType, size, diffId, ...(unpacked === undefined ? {} : { unpackedSize: unpacked.size }) }
}

/** A step of the build that made an image. */
export interface HistoryEntry {
  /** RFC 3339, where the image says it. */
  created?: string
  /** The build step. Empty for a layer that the history does not tell of. */
  createdBy: string
  comment: string
  /** Bytes uncompressed; 0 for a step that made no layer. */
  size: number
  layer?: DiffId
}

/**
 * How an image came about, the last step first, as its config tells; layers that the history leaves out come on top.
 *
 * @throws UtsuwaError as resolveImage
 */
export async function history(root: string, text: string): Promise<HistoryEntry[]> {
  const { config, layers } = await inspectImage(root, text)
  const remaining = [...layers]
  const entries = (config.history ?? []).map(step => toEntry(step, step.empty_layer ? undefined : remaining.shift()))
  return [...entries, ...remaining.map(layer => toEntry({}, layer))].reverse()
}

function toEntry({ created, created_by, comment }: ImageHistory, layer: ImageLayer | undefined): HistoryEntry {
  return {
    ...(created === undefined ? {} : { created }),
    createdBy: created_by ?? '',
    comment: comment ?? '',
    size: layer?.unpackedSize ?? 0,
    ...(layer === undefined ? {} : { layer: layer.diffId }),
  }
}
