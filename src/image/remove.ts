/** Removing images, and the blobs and layers that nothing refers to any more. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readIndex, updateIndex } from '../content/index-file.ts'
import { acquireLock, tryLock } from '../content/lock.ts'
import { blobPath, layoutPath, makeStore, storeLockPath } from '../content/paths.ts'
import { removeTree } from '../content/remove-tree.ts'
import { collectLeftovers } from '../content/work-directory.ts'
import { UtsuwaError } from '../errors.ts'
import { snapshotLayers } from '../snapshot/active.ts'
import { removeLayersExcept } from '../snapshot/layers.ts'
import { type DiffId, type Digest, isDigest } from '../spec/image.ts'
import { type Image, loadImage, loadManifest, nameOf, resolveImage } from './image.ts'

export interface RemoveOptions {
  /** Remove it even when a container uses it; its layers stay until the container goes. Default false. */
  force?: boolean
  signal?: AbortSignal
}

/**
 * Takes a name away from an image; with its last name the image goes, with what no other image or container uses. An
 * image given by its id loses all its names.
 *
 * @returns the image, as it was
 * @throws UtsuwaError IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export async function removeImage(
  root: string,
  text: string,
  { force = false, signal }: RemoveOptions = {},
): Promise<Image> {
  await makeStore(root)
  await using _lock = await acquireLock(storeLockPath(root), 'exclusive', signal)
  const image = await resolveImage(root, text)
  const byId = text !== image.reference && isIdOf(image, text)
  const entries = await readIndex(root)
  const isLastName = byId || entries.filter(({ digest }) => digest === image.manifestDigest).length === 1
  if (isLastName && !force) await refuseInUse(root, image)
  await updateIndex(root, all =>
    all.filter(entry => (byId ? entry.digest !== image.manifestDigest : nameOf(entry) !== image.reference)),
  )
  await collectGarbage(root)
  return image
}

/** Collects what is unused, unless others are at work in the store: then the next removal does it. */
export async function collectGarbageIfIdle(root: string): Promise<void> {
  await using lock = await tryLock(storeLockPath(root), 'exclusive')
  if (lock !== undefined) await collectGarbage(root)
}

function isIdOf({ id, manifestDigest }: Image, text: string): boolean {
  return text === manifestDigest || id.includes(text)
}

async function refuseInUse(root: string, image: Image): Promise<void> {
  const layers = image.diffIds.join()
  for (const [containerId, diffIds] of await snapshotLayers(root)) {
    if (diffIds.join() !== layers) continue
    throw new UtsuwaError('IMAGE_IN_USE', `container ${containerId} uses it`, {
      operation: `remove image ${image.reference}`,
      hint: `remove the container first: utsuwa rm ${containerId}`,
    })
  }
}

/** The caller holds the store lock exclusively, so nothing is half-added and nothing becomes used meanwhile. */
async function collectGarbage(root: string): Promise<void> {
  const keptBlobs = new Set<Digest>()
  const keptLayers = new Set<DiffId>()
  for (const entry of await readIndex(root)) {
    const manifest = await loadManifest(root, entry)
    const { diffIds } = await loadImage(root, entry)
    for (const digest of [entry.digest, manifest.config.digest, ...manifest.layers.map(layer => layer.digest)]) {
      keptBlobs.add(digest)
    }
    for (const diffId of diffIds) keptLayers.add(diffId)
  }
  for (const diffIds of (await snapshotLayers(root)).values()) for (const diffId of diffIds) keptLayers.add(diffId)
  await removeBlobsExcept(root, keptBlobs)
  await removeLayersExcept(root, keptLayers)
  await collectLeftovers(root)
}

async function removeBlobsExcept(root: string, keep: ReadonlySet<Digest>): Promise<void> {
  for (const algorithm of ['sha256', 'sha512']) {
    for (const name of await readdir(join(layoutPath(root), 'blobs', algorithm))) {
      const digest = `${algorithm}:${name}`
      if (isDigest(digest) && !keep.has(digest)) await removeTree(blobPath(root, digest))
    }
  }
}
