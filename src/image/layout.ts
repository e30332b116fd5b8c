/** Images of an OCI image layout (image-spec image-layout.md), in an archive or a directory. */
import { REF_NAME } from '../content/index-file.ts'
import { UtsuwaError } from '../errors.ts'
import { formatReference, parseReference } from '../reference/reference.ts'
import {
  algorithmOf,
  type Descriptor,
  type Digest,
  digestOf,
  hexOf,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE,
  type Platform,
  parseImageIndex,
  parseManifestDocument,
} from '../spec/image.ts'
import { parseJson } from '../spec/json.ts'
import { object, string } from '../spec/readers.ts'
import { checkConfigMediaType, type ImageToAdd } from './add.ts'
import { type ArchiveFiles, readDocument } from './archive-files.ts'
import { selectManifest } from './platform.ts'

/** What containerd and docker write and read beside REF_NAME; always a full name. */
export const CONTAINERD_NAME = 'io.containerd.image.name'
const layoutMarker = object<{ imageLayoutVersion: string }>({ imageLayoutVersion: string })
const INDEX_TYPES = new Set<string>([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerList])

/** Whether there is a layout; what has none may be an archive of docker's. */
export async function isLayout(files: ArchiveFiles): Promise<boolean> {
  return (await files.size('oci-layout')) !== undefined && (await files.size('index.json')) !== undefined
}

/**
 * The images that index.json names, with their documents verified; of an image for several platforms the one that fits.
 * Layers are verified when they are read.
 *
 * @throws UtsuwaError INVALID_SPEC, DIGEST_MISMATCH, SIZE_MISMATCH, PLATFORM_NOT_FOUND, UNSUPPORTED_MEDIA_TYPE, …
 */
export async function readLayout(files: ArchiveFiles, platform: Platform): Promise<ImageToAdd[]> {
  const marker = parseJson(String(await readDocument(files, 'oci-layout', MAX_MANIFEST_SIZE)), 'oci-layout')
  const { imageLayoutVersion } = layoutMarker.read(marker, '')
  if (imageLayoutVersion !== '1.0.0') {
    throw new UtsuwaError('UNSUPPORTED', `image layout version ${JSON.stringify(imageLayoutVersion)}`, {
      operation: 'read image layout',
    })
  }
  const { manifests } = parseImageIndex(await readDocument(files, 'index.json', MAX_MANIFEST_SIZE))
  const images: ImageToAdd[] = []
  for (const descriptor of manifests) {
    if (descriptor.artifactType !== undefined || descriptor.platform?.os === 'unknown') continue
    images.push(await readImage(files, descriptor, platform))
  }
  return images
}

async function readImage(files: ArchiveFiles, named: Descriptor, platform: Platform): Promise<ImageToAdd> {
  const name = imageNameOf(named)
  const what = name ?? named.digest
  const top = parseManifestDocument(await readBlobFile(files, named, MAX_MANIFEST_SIZE), named.mediaType)
  const descriptor = top.kind === 'index' ? selectManifest(top.index, platform, `load ${what}`) : named
  if (INDEX_TYPES.has(descriptor.mediaType)) {
    throw new UtsuwaError('UNSUPPORTED_MEDIA_TYPE', 'an index within an index', { operation: `load ${what}` })
  }
  const manifestBytes = await readBlobFile(files, descriptor, MAX_MANIFEST_SIZE)
  const document = parseManifestDocument(manifestBytes, descriptor.mediaType)
  if (document.kind === 'index') {
    throw new UtsuwaError('UNSUPPORTED_MEDIA_TYPE', 'an index within an index', { operation: `load ${what}` })
  }
  const { manifest } = document
  checkConfigMediaType(manifest.config)
  return {
    name,
    descriptor: { mediaType: manifest.mediaType ?? descriptor.mediaType, digest: descriptor.digest },
    manifest,
    manifestBytes,
    configBytes: await readBlobFile(files, manifest.config, MAX_CONFIG_SIZE),
    readLayer: layer => ({ read: () => files.read(blobName(layer.digest)) }),
  }
}

/** Path of a blob in a layout. */
export const blobName = (digest: Digest) => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`

async function readBlobFile(files: ArchiveFiles, { digest, size }: Descriptor, limit: number): Promise<Buffer> {
  const bytes = await readDocument(files, blobName(digest), limit)
  const operation = `read blob ${digest}`
  if (bytes.length !== size) {
    throw new UtsuwaError('SIZE_MISMATCH', `${bytes.length} bytes, its descriptor says ${size}`, { operation })
  }
  const actual = digestOf(bytes, algorithmOf(digest))
  if (actual !== digest) throw new UtsuwaError('DIGEST_MISMATCH', `expected ${digest}, got ${actual}`, { operation })
  return bytes
}

/** The specification lets the annotation be a name or a tag alone; a tag alone names nothing. */
function imageNameOf({ annotations = {} }: Descriptor): string | undefined {
  const name = annotations[CONTAINERD_NAME] ?? annotations[REF_NAME]
  if (name === undefined || !/[/:@]/.test(name)) return undefined
  return formatReference(parseReference(name))
}
