/** Committed layers: each unpacked once, by diff id, whatever images and containers use it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Flush } from '../content/flush.ts'
import { layersPath, storeError } from '../content/paths.ts'
import { type Remove, removeTree } from '../content/remove-tree.ts'
import { UtsuwaError } from '../errors.ts'
import type { Appliers } from '../layer/applier.ts'
import { type AppliedLayer, applyLayer } from '../layer/apply.ts'
import type { LayerLimits } from '../layer/limits.ts'
import { type DiffId, hexOf } from '../spec/image.ts'
import { isErrno } from '../util/errno.ts'

export interface UnpackOptions {
  appliers: Appliers
  flush: Flush
  /** Where it is made. The caller holds its lock. */
  workDirectory: string
  /** Lets the layer have its turn when not too many are being unpacked; not used for what waits for the disk. */
  inTurn: (task: () => Promise<void>) => Promise<void>
  limits?: Partial<LayerLimits>
  signal?: AbortSignal | undefined
}

const layerPath = (root: string, diffId: DiffId) => join(layersPath(root), hexOf(diffId))

/** The directory that overlayfs stacks. */
export const layerRootPath = (root: string, diffId: DiffId) => join(layerPath(root, diffId), 'fs')

/**
 * What is known about a committed layer, or undefined when it is not there.
 *
 * @throws UtsuwaError STORE_CORRUPT
 */
export async function readLayer(root: string, diffId: DiffId): Promise<AppliedLayer | undefined> {
  const path = join(layerPath(root, diffId), 'layer.json')
  // Asked for each layer of a pull, most often in vain: an error with its stack costs many times the call.
  if (!existsSync(path)) return undefined
  try {
    const layer = JSON.parse(await readFile(path, 'utf8')) as AppliedLayer
    if (typeof layer.size !== 'number' || typeof layer.opaqueRoot !== 'boolean') {
      throw new UtsuwaError('STORE_CORRUPT', 'not the description of a layer', { operation: `read ${path}`, path })
    }
    return layer
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined
    throw storeError(cause, `read ${path}`)
  }
}

/**
 * Unpacks a layer. It appears in `layers/` by one rename, after its digest is known to hold and its files are on disk;
 * another process may have made it of other bytes in between.
 *
 * @param source opens the stored bytes
 * @throws UtsuwaError see applyLayer
 */
export async function commitLayer(
  root: string,
  diffId: DiffId,
  source: () => AsyncIterable<Buffer> | Buffer,
  { appliers, flush, inTurn, limits, signal, workDirectory }: UnpackOptions,
): Promise<void> {
  try {
    const layer = join(workDirectory, 'layer')
    const directory = join(layer, 'fs')
    // What the bytes of a host made that turned out to be wrong.
    if (existsSync(layer)) await removeTree(layer)
    mkdirSync(directory, { recursive: true, mode: 0o755 })
    const onWritten = (bytes: number) => flush.wrote(bytes)
    const options = { appliers, directory, diffId, signal, onWritten, limits }
    await inTurn(async () => {
      const applied = await applyLayer(source(), options)
      writeFileSync(join(layer, 'layer.json'), JSON.stringify(applied), { mode: 0o644 })
    })
    await flush.flush()
    await rename(layer, layerPath(root, diffId)).catch((error: unknown) => {
      if (!isErrno(error, 'ENOTEMPTY') && !isErrno(error, 'EEXIST')) throw error
    })
  } catch (cause) {
    throw cause instanceof UtsuwaError ? cause : storeError(cause, `unpack layer ${diffId}`)
  }
}

/** Removes the layers whose diff id is not in `keep`. The caller holds the store lock exclusively. */
export async function removeLayersExcept(root: string, keep: ReadonlySet<DiffId>, remove: Remove): Promise<void> {
  const kept = new Set([...keep].map(hexOf))
  for (const name of await readdir(layersPath(root))) {
    if (!kept.has(name)) await remove(join(layersPath(root), name))
  }
}
