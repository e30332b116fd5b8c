/** Active snapshots: what a container writes, on top of committed layers. Nothing is mounted here. */
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { acquireLock } from '../content/lock.ts'
import { containersPath, makeStore, storeError, storeLockPath } from '../content/paths.ts'
import { type Remove, removeTree } from '../content/remove-tree.ts'
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
 * @param owner host path that is there for as long as anybody knows of the container; without it, until it is removed
 * @throws UtsuwaError CONTAINER_EXISTS, STORE_CORRUPT when a layer is missing, NO_SPACE
 */
export async function prepareSnapshot(
  root: string,
  containerId: string,
  diffIds: readonly DiffId[],
  owner?: string,
): Promise<ActiveSnapshot> {
  await makeStore(root)
  await using _lock = await acquireLock(storeLockPath(root), 'shared')
  const { lowerDirs, rootDirectory } = await lowerDirsOf(root, diffIds)
  const path = await makeDirectory(root, containerId, {
    diffIds: [...diffIds],
    owner,
  })
  try {
    const upperDir = join(path, 'upper')
    const workDir = join(path, 'work')
    await makeUpper(upperDir, rootDirectory)
    await mkdir(workDir, { mode: 0o700 })
    return { lowerDirs, upperDir, workDir }
  } catch (cause) {
    await removeTree(path)
    throw storeError(cause, `prepare the snapshot of container ${containerId}`)
  }
}

/**
 * The directory of a container that has no snapshot: for what is kept of it beside what it writes.
 *
 * @param owner as for `prepareSnapshot`
 * @throws UtsuwaError CONTAINER_EXISTS, NO_SPACE
 */
export async function makeContainerDirectory(root: string, containerId: string, owner: string): Promise<void> {
  await makeStore(root)
  await using _lock = await acquireLock(storeLockPath(root), 'shared')
  await makeDirectory(root, containerId, { diffIds: [], owner })
}

async function makeDirectory(root: string, containerId: string, record: SnapshotRecord): Promise<string> {
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
    await writeFile(join(path, 'snapshot.json'), JSON.stringify(record), { mode: 0o600 })
    return path
  } catch (cause) {
    await removeTree(path)
    throw storeError(cause, operation)
  }
}

/**
 * A snapshot that is there, for a mount that its container writes to again.
 *
 * @throws UtsuwaError STORE_CORRUPT when it or a layer is missing
 */
export async function openSnapshot(root: string, containerId: string): Promise<ActiveSnapshot> {
  const { diffIds } = await requireSnapshot(root, containerId)
  const { lowerDirs } = await lowerDirsOf(root, diffIds)
  const path = snapshotPath(root, containerId)
  return { lowerDirs, upperDir: join(path, 'upper'), workDir: join(path, 'work') }
}

/**
 * The directories that make up what a container wrote and what was below, topmost first, for a mount that only reads.
 *
 * @throws UtsuwaError STORE_CORRUPT when it or a layer is missing
 */
export async function viewSnapshot(root: string, containerId: string): Promise<string[]> {
  const { diffIds } = await requireSnapshot(root, containerId)
  const { lowerDirs } = await lowerDirsOf(root, diffIds)
  return [join(snapshotPath(root, containerId), 'upper'), ...lowerDirs]
}

async function requireSnapshot(root: string, containerId: string): Promise<SnapshotRecord> {
  const snapshot = await readSnapshot(root, containerId)
  if (snapshot !== undefined) return snapshot
  throw new UtsuwaError('STORE_CORRUPT', 'it is missing', {
    operation: `open the snapshot of container ${containerId}`,
  })
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
  for (const id of await containerIds(root)) {
    const snapshot = await readSnapshot(root, id)
    if (snapshot !== undefined && !isAbandoned(root, id, snapshot)) layers.set(id, snapshot.diffIds)
  }
  return layers
}

/**
 * Removes what containers wrote that have no record any more: records are lost with a reboot, and then no
 * command could. The caller holds the store lock exclusively, so none is in the making.
 */
export async function removeAbandonedSnapshots(root: string, remove: Remove): Promise<void> {
  for (const id of await containerIds(root)) {
    const snapshot = await readSnapshot(root, id)
    const abandoned = snapshot === undefined ? !isKept(root, id) : isAbandoned(root, id, snapshot)
    if (abandoned) await remove(snapshotPath(root, id))
  }
}

interface SnapshotRecord {
  diffIds: DiffId[]
  owner?: string | undefined
}

/** Written by src/runtime/state/keep-for-boot.ts. */
const KEPT_FILE = 'container.json'

/** Not one that waits for the next boot, or for what starts it there. */
const isAbandoned = (root: string, id: string, { owner }: SnapshotRecord): boolean =>
  owner !== undefined && !existsSync(owner) && !isKept(root, id)

const isKept = (root: string, id: string): boolean => existsSync(join(snapshotPath(root, id), KEPT_FILE))

async function containerIds(root: string): Promise<string[]> {
  try {
    return await readdir(containersPath(root))
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return []
    throw storeError(cause, `read ${containersPath(root)}`)
  }
}

/** Undefined for a directory whose making a crash cut short: it has no container. */
async function readSnapshot(root: string, id: string): Promise<SnapshotRecord | undefined> {
  const path = join(snapshotPath(root, id), 'snapshot.json')
  try {
    const { diffIds, owner } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
    if (!Array.isArray(diffIds) || !diffIds.every(diffId => typeof diffId === 'string' && isDigest(diffId)))
      return undefined
    return { diffIds: diffIds as string[] as DiffId[], ...(typeof owner === 'string' ? { owner } : {}) }
  } catch (cause) {
    if (cause instanceof SyntaxError || isErrno(cause, 'ENOENT')) return undefined
    throw storeError(cause, `read ${path}`)
  }
}
