/** index.json of the layout: the names of the images in the store. */
import { readFile } from 'node:fs/promises'
import { UtsuwaError } from '../errors.ts'
import { type Descriptor, parseImageIndex } from '../spec/image.ts'
import { writeDurably } from './durable.ts'
import { acquireLock } from './lock.ts'
import { indexLockPath, indexPath, storeError, tmpPath } from './paths.ts'
import { usingReserve } from './reserve.ts'

/** image-spec annotations.md; skopeo reads it as the last part of `oci:DIR:NAME`. */
export const REF_NAME = 'org.opencontainers.image.ref.name'

/** @throws UtsuwaError STORE_CORRUPT */
export async function readIndex(root: string): Promise<Descriptor[]> {
  const path = indexPath(root)
  try {
    return parseImageIndex(await readFile(path)).manifests
  } catch (cause) {
    if (cause instanceof UtsuwaError) {
      throw new UtsuwaError('STORE_CORRUPT', cause.message, { operation: `read ${path}`, path, cause })
    }
    throw storeError(cause, `read ${path}`)
  }
}

/** Replaces the entries by what `change` makes of them; no other process can change them in between. */
export async function updateIndex(root: string, change: (entries: Descriptor[]) => Descriptor[]): Promise<void> {
  try {
    await using _lock = await acquireLock(indexLockPath(root), 'exclusive')
    const manifests = change(await readIndex(root))
    const json = JSON.stringify({ schemaVersion: 2, manifests }, undefined, 2)
    await usingReserve(root, () =>
      writeDurably(indexPath(root), json, { temporaryDirectory: tmpPath(root), mode: 0o644 }),
    )
  } catch (cause) {
    throw storeError(cause, `write ${indexPath(root)}`)
  }
}
