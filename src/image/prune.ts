/** `prune`: unused images, and what is left over. */
import { existsSync } from 'node:fs'
import { acquireLock } from '../content/lock.ts'
import { indexPath, storeLockPath } from '../content/paths.ts'
import { removeTree } from '../content/remove-tree.ts'
import { treeSize } from '../content/tree-size.ts'
import type { Descriptor } from '../spec/image.ts'
import { collectGarbage, isDamage } from './garbage.ts'
import { loadImage, nameOf, readIndexIfAny } from './image.ts'
import { containersUsingImage, dropEntries, type RemovedImage } from './remove.ts'

export interface PruneOptions {
  /** Also images that have a name, unless a container uses them. Default false. */
  all?: boolean
  signal?: AbortSignal
}

/** What `prune` removed. */
export interface Pruned {
  images: RemovedImage[]
  /** Disk space that was freed, in bytes. */
  reclaimed: number
}

/**
 * Removes images without a name, or all that no container uses, and everything that no image and no container needs:
 * blobs, layers, what crashes left over. Waits for those who are adding to the store. Works on a full disk.
 *
 * @throws UtsuwaError NOT_ROOT, STORE_CORRUPT, ABORTED
 */
export async function prune(root: string, { all = false, signal }: PruneOptions = {}): Promise<Pruned> {
  // A store that does not exist has nothing to remove, and asking must not make it.
  if (!existsSync(indexPath(root))) return { images: [], reclaimed: 0 }
  await using _lock = await acquireLock(storeLockPath(root), 'exclusive', signal)
  let reclaimed = 0
  const remove = async (path: string): Promise<void> => {
    const size = await treeSize(path)
    await removeTree(path)
    reclaimed += size
  }
  const images = await dropUnused(root, all)
  await collectGarbage(root, remove)
  return { images, reclaimed }
}

async function dropUnused(root: string, all: boolean): Promise<RemovedImage[]> {
  const dropped: Descriptor[] = []
  const images = new Map<string, RemovedImage>()
  for (const entry of await readIndexIfAny(root)) {
    const name = nameOf(entry)
    if (name !== undefined && !all) continue
    const image = await loadImage(root, entry).catch((error: unknown) => {
      if (isDamage(error)) return undefined
      throw error
    })
    if (image !== undefined && (await containersUsingImage(root, image)).length > 0) continue
    dropped.push(entry)
    const removed = images.get(entry.digest) ?? { untagged: [], deleted: image?.id ?? entry.digest }
    if (name !== undefined) removed.untagged.push(name)
    images.set(entry.digest, removed)
  }
  if (dropped.length > 0) await dropEntries(root, dropped)
  return [...images.values()]
}
