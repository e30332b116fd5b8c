/** `save`: images as an archive or a directory that other tools read. */
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { blobSize, streamBlob } from '../content/blobs.ts'
import { REF_NAME } from '../content/index-file.ts'
import { acquireLock } from '../content/lock.ts'
import { storeLockPath } from '../content/paths.ts'
import { UtsuwaError } from '../errors.ts'
import { type ArchiveFile, writeArchive } from '../layer/tar-write.ts'
import type { Descriptor, Digest } from '../spec/image.ts'
import { outputError, writeOutput } from '../util/output.ts'
import { loadImage, loadManifest, nameOf, resolveEntries } from './image.ts'
import { blobName, CONTAINERD_NAME } from './layout.ts'

/**
 * `docker-archive` is read by docker, podman and, being an image layout as well, by everything that reads `oci-archive`;
 * `oci-dir` is a directory.
 */
export type SaveFormat = 'docker-archive' | 'oci-archive' | 'oci-dir'

export interface SaveOptions {
  /** Default `docker-archive`. */
  format?: SaveFormat
  signal?: AbortSignal
}

interface SavedImage {
  entry: Descriptor
  /** The names to save it under: those it was asked for by. */
  names: Set<string>
  config: Digest
  layers: Digest[]
}

/**
 * Writes images, with the names they are asked for by; one asked for by its id has none. What is written is there
 * entirely or, after an error, not at all.
 *
 * @param target a file, for `oci-dir` a directory that is missing or empty, or a stream, which is ended
 * @throws UtsuwaError IMAGE_NOT_FOUND, INVALID_ARGUMENT, STORE_CORRUPT, NO_SPACE, ABORTED
 */
export async function save(
  root: string,
  namesOrIds: readonly string[],
  target: string | Writable,
  { format = 'docker-archive', signal }: SaveOptions = {},
): Promise<void> {
  // Checked before the lock, which would make a store.
  for (const text of namesOrIds) await resolveEntries(root, text)
  await using _lock = await acquireLock(storeLockPath(root), 'shared', signal)
  const images = await collect(root, namesOrIds)
  const files = [...documents(images, format === 'docker-archive'), ...(await blobFiles(root, images))]
  // Awaited here, because the lock is released when this function returns.
  if (format !== 'oci-dir') return await writeOutput(target, writeArchive(files), signal)
  if (typeof target === 'string') return await writeDirectory(target, files, signal)
  throw new UtsuwaError('INVALID_ARGUMENT', 'an image layout that is a directory has no stream', { operation: 'save' })
}

async function collect(root: string, namesOrIds: readonly string[]): Promise<SavedImage[]> {
  const images = new Map<Digest, SavedImage>()
  for (const text of namesOrIds) {
    const { entries, byName } = await resolveEntries(root, text)
    const [entry] = entries
    const known = images.get(entry.digest)
    const { config, layers } = await loadManifest(root, entry)
    const image = known ?? {
      entry,
      names: new Set(),
      config: config.digest,
      layers: layers.map(({ digest }) => digest),
    }
    await loadImage(root, entry) // Says so when its documents are damaged.
    const name = nameOf(entry)
    if (byName && name !== undefined) image.names.add(name)
    images.set(entry.digest, image)
  }
  return [...images.values()]
}

/** What leads to the blobs, first in the archive, so that a reader of the stream knows what comes. */
function documents(images: readonly SavedImage[], forDocker: boolean): ArchiveFile[] {
  const manifests = images.flatMap(({ entry, names }) => {
    const { mediaType, digest, size, platform } = entry
    const descriptor = { mediaType, digest, size, ...(platform === undefined ? {} : { platform }) }
    if (names.size === 0) return [descriptor]
    return [...names].map(name => ({ ...descriptor, annotations: { [CONTAINERD_NAME]: name, [REF_NAME]: name } }))
  })
  const dockerImages = images.map(({ config, names, layers }) => ({
    Config: blobName(config),
    // A name by digest is none that docker could give.
    RepoTags: [...names].filter(name => !name.includes('@')),
    Layers: layers.map(blobName),
  }))
  return [
    jsonFile('oci-layout', { imageLayoutVersion: '1.0.0' }),
    jsonFile('index.json', { schemaVersion: 2, manifests }),
    ...(forDocker ? [jsonFile('manifest.json', dockerImages)] : []),
  ]
}

function jsonFile(name: string, value: unknown): ArchiveFile {
  const bytes = Buffer.from(JSON.stringify(value))
  return { name, size: bytes.length, read: () => [bytes] }
}

async function blobFiles(root: string, images: readonly SavedImage[]): Promise<ArchiveFile[]> {
  const digests = new Set(images.flatMap(({ entry, config, layers }) => [entry.digest, config, ...layers]))
  return Promise.all(
    [...digests].map(async digest => {
      const size = await blobSize(root, digest)
      if (size !== undefined) return { name: blobName(digest), size, read: () => streamBlob(root, digest) }
      throw new UtsuwaError('STORE_CORRUPT', `blob ${digest} is missing`, {
        operation: 'save images',
        hint: 'pull the image again',
      })
    }),
  )
}

async function writeDirectory(path: string, files: readonly ArchiveFile[], signal?: AbortSignal): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
    if ((await readdir(path)).length > 0)
      throw new UtsuwaError('INVALID_ARGUMENT', 'the directory is not empty', { operation: `write ${path}`, path })
  } catch (cause) {
    throw outputError(cause, path)
  }
  try {
    // The index last: without it, it is no layout yet.
    for (const file of files.toSorted((a, b) => Number(a.name === 'index.json') - Number(b.name === 'index.json'))) {
      signal?.throwIfAborted()
      await mkdir(dirname(join(path, file.name)), { recursive: true })
      await using handle = await open(join(path, file.name), 'wx', 0o644)
      for await (const chunk of file.read()) await handle.writeFile(chunk)
    }
  } catch (cause) {
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true })
    throw outputError(cause, path, signal)
  }
}
