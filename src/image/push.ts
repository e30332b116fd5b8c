/** An image of the store into a registry. */
import { createReadStream } from 'node:fs'
import { blobSize, readBlob } from '../content/blobs.ts'
import { readIndex } from '../content/index-file.ts'
import { acquireLock } from '../content/lock.ts'
import { blobPath, makeStore, storeLockPath } from '../content/paths.ts'
import { UtsuwaError } from '../errors.ts'
import { formatReference, identifierOf, parseReference, type Reference } from '../reference/reference.ts'
import { RegistryClient, type RegistryOptions } from '../registry/client.ts'
import { addReferrer } from '../registry/lists.ts'
import { type BlobPush, pushBlob } from '../registry/upload.ts'
import { type Descriptor, type Digest, type ImageManifest, MAX_MANIFEST_SIZE } from '../spec/image.ts'
import { loadManifest, nameOf, resolveEntries } from './image.ts'
import { Semaphore } from './semaphore.ts'

/** What a push has come to. */
export type PushProgress =
  | { kind: 'pushing'; digest: Digest; current: number; total: number }
  /** The blob is there: it was already, was mounted from another repository, or has been uploaded. */
  | { kind: BlobPush; digest: Digest }
  | { kind: 'pushed'; reference: string; digest: Digest }

export interface PushOptions extends Omit<RegistryOptions, 'signal'> {
  /** Store root. */
  root: string
  /** Where to push to. Default: the image's own name. */
  destination?: string
  /** Bytes of a blob in each request. Default: all in one; where that fails, 16 MiB. */
  chunkSize?: number
  signal?: AbortSignal
  /** Called often; must not throw. */
  onProgress?: (progress: PushProgress) => void
}

/** What the registry has now. */
export interface PushedImage {
  /** The full name: `localhost:5000/team/app:1.2`. */
  reference: string
  /** Digest of the manifest. */
  digest: Digest
}

/** As many blobs at once as a pull fetches. */
const UPLOADS = 3

/**
 * Pushes an image as it is stored, byte for byte. Blobs that the registry has are not sent, and those that another
 * repository of the registry has are mounted from there. The manifest is pushed last: the name never means half an image.
 *
 * @param image name, id or its beginning
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_ARGUMENT, INVALID_REFERENCE, REGISTRY_*, ABORTED
 */
export async function push(image: string, options: PushOptions): Promise<PushedImage> {
  const { root, signal, onProgress = () => undefined } = options
  await makeStore(root)
  // What is on its way must not be removed.
  await using _lock = await acquireLock(storeLockPath(root), 'shared', signal)
  const [entry] = (await resolveEntries(root, image)).entries
  const destination = destinationOf(image, entry, options.destination)
  const manifest = await loadManifest(root, entry)
  const blobs = [...new Map([manifest.config, ...manifest.layers].map(blob => [blob.digest, blob])).values()]
  const stop = new AbortController()
  const combined = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  await using client = await RegistryClient.open(destination.registry, { ...options, signal: combined })
  const sources = await repositoriesWith(root, destination)
  const uploads = new Semaphore(UPLOADS)
  let failure: { error: unknown } | undefined
  await Promise.all(
    blobs.map(blob =>
      uploads
        .run(() => pushOne(client, destination.repository, blob, sources.get(blob.digest), options))
        .catch((error: unknown) => {
          // Those that fail because of it tell nothing new.
          failure ??= { error }
          stop.abort()
        }),
    ),
  )
  if (failure !== undefined) throw failure.error
  const bytes = await readBlob(root, entry.digest, MAX_MANIFEST_SIZE)
  const { digest, mediaType } = entry
  const document = { bytes, digest, mediaType }
  const knowsSubject = await client.pushManifest(destination.repository, identifierOf(destination), document)
  if (manifest.subject !== undefined && !knowsSubject) {
    await addReferrer(client, destination, manifest.subject.digest, referrerOf(entry, manifest, bytes.length))
  }
  const pushed = { reference: formatReference(destination), digest }
  onProgress({ kind: 'pushed', ...pushed })
  return pushed
}

function destinationOf(image: string, entry: Descriptor, text = nameOf(entry)): Reference {
  const operation = `push ${image}`
  if (text === undefined) throw new UtsuwaError('INVALID_ARGUMENT', 'the image has no name to push to', { operation })
  const destination = parseReference(text)
  if (destination.digest === undefined || destination.digest === entry.digest) return destination
  throw new UtsuwaError('INVALID_ARGUMENT', `the image has the digest ${entry.digest}`, { operation })
}

async function pushOne(
  client: RegistryClient,
  repository: string,
  { digest, size }: Descriptor,
  mountFrom: string | undefined,
  { root, chunkSize, onProgress = () => undefined }: PushOptions,
): Promise<void> {
  if ((await blobSize(root, digest)) === undefined) {
    throw new UtsuwaError('STORE_CORRUPT', 'it is not in the store', { operation: `push blob ${digest}` })
  }
  const read = (start: number, end: number) => createReadStream(blobPath(root, digest), { start, end: end - 1 })
  const kind = await pushBlob(
    client,
    repository,
    { digest, size, read },
    { mountFrom, chunkSize, onProgress: current => onProgress({ kind: 'pushing', digest, current, total: size }) },
  )
  onProgress({ kind, digest })
}

/** As the referrers of an image are listed (distribution-spec, "Listing Referrers"). */
function referrerOf(
  { mediaType, digest }: Descriptor,
  { artifactType, config, annotations }: ImageManifest,
  size: number,
): Descriptor {
  return {
    mediaType,
    digest,
    size,
    artifactType: artifactType ?? config.mediaType,
    ...(annotations === undefined ? {} : { annotations }),
  }
}

/** Other repositories of the registry that had each blob when their image was pulled or pushed. */
async function repositoriesWith(root: string, { registry, repository }: Reference): Promise<Map<Digest, string>> {
  const sources = new Map<Digest, string>()
  for (const entry of await readIndex(root)) {
    const name = nameOf(entry)
    if (name === undefined) continue
    const other = parseReference(name)
    if (other.registry !== registry || other.repository === repository) continue
    // Of a damaged image nothing is known.
    const manifest = await loadManifest(root, entry).catch(() => undefined)
    if (manifest === undefined) continue
    for (const { digest } of [manifest.config, ...manifest.layers]) sources.set(digest, other.repository)
  }
  return sources
}
