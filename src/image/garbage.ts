/**
 * Collecting what nothing in the store refers to any more: blobs, layers, what crashes left behind, and what containers
 * wrote that have no record since the last boot.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readBlob } from '../content/blobs.ts'
import { readIndex } from '../content/index-file.ts'
import { acquireLock, tryLock } from '../content/lock.ts'
import { blobPath, indexLockPath, layoutPath, partialsPath, storeLockPath } from '../content/paths.ts'
import { type Remove, removeTree } from '../content/remove-tree.ts'
import { reserveSpace } from '../content/reserve.ts'
import { collectTemporaryFiles, collectWorkDirectories } from '../content/work-directory.ts'
import { isUtsuwaError } from '../errors.ts'
import { removeAbandonedSnapshots, snapshotLayers } from '../snapshot/active.ts'
import { removeLayersExcept } from '../snapshot/layers.ts'
import {
  type Descriptor,
  type DiffId,
  type Digest,
  isDigest,
  MAX_CONFIG_SIZE,
  parseImageConfig,
} from '../spec/image.ts'
import { errnos } from '../util/errno.ts'
import { loadManifest } from './image.ts'

/** Collects what is unused, unless others are at work in the store: then the last of them does it. */
export async function collectGarbageIfIdle(root: string): Promise<void> {
  await using lock = await tryLock(storeLockPath(root), 'exclusive')
  if (lock !== undefined) await collectGarbage(root)
}

/** `collectGarbage` that waits a while for those who are at work: a start of a container takes milliseconds, a pull minutes. */
export async function collectGarbageSoon(root: string, patienceMs: number): Promise<void> {
  try {
    await using _lock = await acquireLock(storeLockPath(root), 'exclusive', AbortSignal.timeout(patienceMs))
    await collectGarbage(root)
  } catch (error) {
    if (!isUtsuwaError(error, 'ABORTED')) throw error
  }
}

/** The caller holds the store lock exclusively, so nothing is half-added and nothing comes into use. */
export async function collectGarbage(root: string, remove: Remove = removeTree): Promise<void> {
  // First what is surely garbage: on a full disk the rest may need room.
  await collectWorkDirectories(root, remove)
  {
    // Names change without the store's own lock.
    await using _names = await acquireLock(indexLockPath(root), 'exclusive')
    await collectTemporaryFiles(root, remove)
  }
  await remove(partialsPath(root))
  await removeAbandonedSnapshots(root, remove)
  const keptBlobs = new Set<Digest>()
  const keptLayers = new Set<DiffId>()
  for (const entry of await readIndex(root)) {
    const { blobs, layers } = await contentOf(root, entry)
    for (const digest of blobs) keptBlobs.add(digest)
    for (const diffId of layers) keptLayers.add(diffId)
  }
  for (const diffIds of (await snapshotLayers(root)).values()) for (const diffId of diffIds) keptLayers.add(diffId)
  await removeBlobsExcept(root, keptBlobs, remove)
  await removeLayersExcept(root, keptLayers, remove)
  await reserveSpace(root)
}

/** What an image needs. Of one whose documents are damaged, what can still be read: it must not stop the rest. */
async function contentOf(root: string, entry: Descriptor): Promise<{ blobs: Digest[]; layers: DiffId[] }> {
  const blobs = [entry.digest]
  const layers: DiffId[] = []
  try {
    const manifest = await loadManifest(root, entry)
    blobs.push(manifest.config.digest, ...manifest.layers.map(layer => layer.digest))
    const config = parseImageConfig(await readBlob(root, manifest.config.digest, MAX_CONFIG_SIZE))
    layers.push(...config.rootfs.diff_ids)
  } catch (error) {
    if (!isDamage(error)) throw error
  }
  return { blobs, layers }
}

/** A document that is missing or is not what it should be; not one that cannot be read just now. */
export function isDamage(error: unknown): boolean {
  return isUtsuwaError(error) && (error.errno === undefined || error.errno === errnos.ENOENT)
}

async function removeBlobsExcept(root: string, keep: ReadonlySet<Digest>, remove: Remove): Promise<void> {
  for (const algorithm of ['sha256', 'sha512']) {
    for (const name of await readdir(join(layoutPath(root), 'blobs', algorithm))) {
      const digest = `${algorithm}:${name}`
      if (isDigest(digest) && !keep.has(digest)) await remove(blobPath(root, digest))
    }
  }
}
