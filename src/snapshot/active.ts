/** Active snapshots: what a container writes, on top of committed layers. Nothing is mounted here. */
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { acquireLock } from '../content/lock.ts'
import { containersPath, makeStore, storeError, storeLockPath } from '../content/paths.ts'
import { removeTree } from '../content/remove-tree.ts'
import { UtsuwaError } from '../errors.ts'
import type { RootDirectory } from '../layer/translate.ts'
import { type DiffId, isDigest } from '../spec/image.ts'
import { isErrno } from '../util/errno.ts'
import { layerRootPath, readLayer } from './layers.ts'
import { snapshotPath } from './remove.ts'

/** The directories of an overlay mount. */
export interface ActiveSnapshot {
  /** Topmost first, as overlayfs wants them. */
  lowerDirs: string[]
  upperDir: string
  workDir: string
}

/**
 * Makes the writable part of a container and says what goes below it. From here on the layers belong to the container
 * too, and no removal of an image takes them away.
 *
 * @param diffIds lowest layer first, as in the image config
 * @throws UtsuwaError CONTAINER_EXISTS, STORE_CORRUPT when a layer is missing, NO_SPACE
 */
export async function prepareSnapshot(
  root: string,
  containerId: string,
  diffIds: readonly DiffId[],
): Promise<ActiveSnapshot> {
  await makeStore(root)
  await using _lock = await acquireLock(storeLockPath(root), 'shared')
  const { lowerDirs, rootDirectory } = await lowerDirsOf(root, diffIds)
  const path = snapshotPath(root, containerId)
  const operation = `prepare the snapshot of container ${containerId}`
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (cause) {
    if (isErrno(cause, 'EEXIST')) {
      throw new UtsuwaError('CONTAINER_EXISTS', 'there is a snapshot with this id', { operation, path })
    }
    throw storeError(cause, operation)
  }
  try {
    // Not flushed, which would take longer than all the rest of a start: no container survives a power cut.
    await writeFile(join(path, 'snapshot.json'), JSON.stringify({ diffIds }), { mode: 0o600 })
    const upperDir = join(path, 'upper')
    const workDir = join(path, 'work')
    await makeUpper(upperDir, rootDirectory)
    await mkdir(workDir, { mode: 0o700 })
    return { lowerDirs, upperDir, workDir }
  } catch (cause) {
    await removeTree(path)
    throw storeError(cause, operation)
  }
}

/** Owner and mode of the upper directory are those of the container's `/`. */
async function makeUpper(path: string, { mode, uid, gid }: RootDirectory): Promise<void> {
  await mkdir(path, { mode: 0o700 })
  await chown(path, uid, gid)
  await chmod(path, mode)
}

interface LowerDirs {
  /** Topmost first. */
  lowerDirs: string[]
  /** What `/` looks like before a container writes to it. */
  rootDirectory: RootDirectory
}

/**
 * What an overlay of these layers is made of.
 *
 * @throws UtsuwaError STORE_CORRUPT when a layer is missing
 */
export async function lowerDirsOf(root: string, diffIds: readonly DiffId[]): Promise<LowerDirs> {
  const lowerDirs: string[] = []
  let rootDirectory: RootDirectory | undefined
  for (const diffId of diffIds.toReversed()) {
    const layer = await readLayer(root, diffId)
    if (layer === undefined) {
      throw new UtsuwaError('STORE_CORRUPT', `layer ${diffId} is missing`, { hint: 'pull the image again' })
    }
    lowerDirs.push(layerRootPath(root, diffId))
    rootDirectory ??= layer.root
    // Overlayfs does not look for an opaque mark on the root of a layer.
    if (layer.opaqueRoot) break
  }
  return { lowerDirs, rootDirectory: rootDirectory ?? { mode: 0o755, uid: 0, gid: 0 } }
}

/** The layers of every container, lowest first, by container id. */
export async function snapshotLayers(root: string): Promise<Map<string, DiffId[]>> {
  const layers = new Map<string, DiffId[]>()
  for (const id of await readdir(containersPath(root))) {
    const diffIds = await readSnapshot(join(snapshotPath(root, id), 'snapshot.json'))
    if (diffIds !== undefined) layers.set(id, diffIds)
  }
  return layers
}

/** Undefined for a directory whose making a crash cut short: it has no container. */
async function readSnapshot(path: string): Promise<DiffId[] | undefined> {
  try {
    const { diffIds } = JSON.parse(await readFile(path, 'utf8')) as { diffIds?: unknown }
    return Array.isArray(diffIds) && diffIds.every(id => typeof id === 'string' && isDigest(id))
      ? (diffIds as string[] as DiffId[])
      : undefined
  } catch (cause) {
    if (cause instanceof SyntaxError || isErrno(cause, 'ENOENT')) return undefined
    throw storeError(cause, `read ${path}`)
  }
}
