/**
 * Images of an archive as `docker save` writes it: manifest.json names the image configs and layers of all images. There
 * is no manifest in it that could be pushed; one is made.
 */
import { createHash } from 'node:crypto'
import { UtsuwaError } from '../errors.ts'
import { layerMediaType } from '../layer/decompress.ts'
import { formatReference, parseReference } from '../reference/reference.ts'
import {
  type Descriptor,
  type Digest,
  digestOf,
  type ImageManifest,
  MAX_CONFIG_SIZE,
  MAX_LAYERS,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE,
} from '../spec/image.ts'
import { parseJson } from '../spec/json.ts'
import { array, object, optional, string } from '../spec/readers.ts'
import type { ImageToAdd } from './add.ts'
import { type ArchiveFiles, readDocument } from './archive-files.ts'

export const DOCKER_MANIFEST = 'manifest.json'

interface DockerImage {
  Config: string
  RepoTags?: string[]
  Layers: string[]
}

const dockerManifest = array(
  object<DockerImage>({ Config: string, RepoTags: optional(array(string)), Layers: array(string) }),
)

/**
 * The images, once for each name. Layers are verified against the diff ids of the config when they are unpacked.
 *
 * @throws UtsuwaError INVALID_SPEC, INVALID_REFERENCE, LIMIT_EXCEEDED
 */
export async function readDockerArchive(files: ArchiveFiles): Promise<ImageToAdd[]> {
  const json = await readDocument(files, DOCKER_MANIFEST, MAX_MANIFEST_SIZE)
  const listed = dockerManifest.read(parseJson(String(json), DOCKER_MANIFEST), '')
  const images: ImageToAdd[] = []
  // Images of one archive share layers.
  const layers = new Map<string, Promise<Descriptor>>()
  for (const { Config, RepoTags = [], Layers } of listed) {
    if (Layers.length > MAX_LAYERS) {
      throw new UtsuwaError('LIMIT_EXCEEDED', `${Layers.length} layers, the limit is ${MAX_LAYERS}`, {
        operation: `read ${DOCKER_MANIFEST}`,
      })
    }
    const configBytes = await readDocument(files, Config, MAX_CONFIG_SIZE)
    const descriptors: Descriptor[] = []
    for (const path of Layers) {
      if (!layers.has(path)) layers.set(path, describeLayer(files.read(path)))
      descriptors.push(await layers.get(path)!)
    }
    const paths = new Map(descriptors.map(({ digest }, index) => [digest, Layers[index]!]))
    const made = makeManifest(configBytes, descriptors)
    const names = RepoTags.map(name => formatReference(parseReference(name)))
    for (const name of names.length === 0 ? [undefined] : names)
      images.push({
        name,
        ...made,
        configBytes,
        readLayer: ({ digest }) => ({ read: () => files.read(paths.get(digest)!) }),
      })
  }
  return images
}

/** A manifest for an image config and layers, which an archive of docker's and an import lack. */
export function makeManifest(
  configBytes: Buffer,
  layers: Descriptor[],
): Pick<ImageToAdd, 'descriptor' | 'manifest' | 'manifestBytes'> {
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: { mediaType: MEDIA_TYPE.ociConfig, digest: digestOf(configBytes), size: configBytes.length },
    layers,
  }
  const manifestBytes = Buffer.from(JSON.stringify(manifest))
  return {
    descriptor: { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(manifestBytes) },
    manifest,
    manifestBytes,
  }
}

/** Digest, size and kind of a layer, by reading all of it. */
export async function describeLayer(bytes: AsyncIterable<Buffer>): Promise<Descriptor> {
  const hash = createHash('sha256')
  let size = 0
  let mediaType: string | undefined
  for await (const chunk of bytes) {
    mediaType ??= layerMediaType(chunk)
    hash.update(chunk)
    size += chunk.length
  }
  return {
    mediaType: mediaType ?? layerMediaType(Buffer.alloc(0)),
    digest: `sha256:${hash.digest('hex')}` as Digest,
    size,
  }
}
