/**
 * The root file system of an image in a user namespace: an overlay over an ID-mapped mount of the store
 * (mount_setattr(2), "ID-mapped mounts"). What is on the disk has the ids that the container sees, whatever they are on
 * the host; so layers are shared, and what a container has written can be exported, or mapped otherwise at its next start.
 */
import { closeSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { isUtsuwaError } from '../errors.ts'
import { formatIdMap } from '../plan/namespaces.ts'
import type { IdMapping, Linux } from '../spec/runtime.ts'
import { constants, sys } from '../sys/index.ts'
import { errnos } from '../util/errno.ts'
import { withIds } from './mount-trees.ts'
import { mountOverlay, type OverlayDirectories } from './overlay.ts'

/**
 * On the disk, files that root of the host makes, until they get their owner: without an id for it, it could make none.
 * In the container they belong to the overflow ids, and no set-id bit of theirs works.
 */
const HOST_ROOT: IdMapping = { containerID: 0xfffffffe, hostID: 0, size: 1 }

/**
 * @param linux with id mappings for both kinds
 * @param storeRoot what all the directories are below, on one file system
 * @returns descriptor of the detached mount
 * @throws UtsuwaError KERNEL_OPERATION_FAILED where the file system of the store cannot be ID-mapped; NO_SPACE
 */
export function mountIdMappedOverlay(
  { uidMappings = [], gidMappings = [] }: Linux = {},
  directories: OverlayDirectories,
  storeRoot: string,
): number {
  const tree = openMappedTree(storeRoot, uidMappings, gidMappings)
  try {
    return mountOver(tree, storeRoot, directories)
  } finally {
    closeSync(tree)
  }
}

function openMappedTree(path: string, uids: readonly IdMapping[], gids: readonly IdMapping[]): number {
  const userNamespace = sys.userNamespace(formatIdMap(withHostRoot(uids)), formatIdMap(withHostRoot(gids)))
  try {
    return withIds(sys.openTree(constants.AT_FDCWD, path, constants.OPEN_TREE_CLONE), userNamespace, false)
  } finally {
    closeSync(userNamespace)
  }
}

const withHostRoot = (mappings: readonly IdMapping[]): IdMapping[] =>
  mappings.some(({ hostID }) => hostID === 0) ? [...mappings] : [...mappings, HOST_ROOT]

function mountOver(tree: number, storeRoot: string, directories: OverlayDirectories): number {
  try {
    return mountOverlay(below(`/proc/self/fd/${tree}`, storeRoot, directories))
  } catch (error) {
    if (!isUtsuwaError(error) || error.errno !== errnos.EINVAL) throw error
  }
  // Before Linux 6.15, layers had to be in the mount table: there they are for a moment, and not for others to pass.
  const place = mkdtempSync(join(tmpdir(), 'utsuwa-layers-'))
  try {
    sys.moveMount(tree, place)
    try {
      return mountOverlay(below(place, storeRoot, directories))
    } finally {
      sys.umount(place, constants.MNT_DETACH)
    }
  } finally {
    rmdirSync(place)
  }
}

function below(place: string, storeRoot: string, directories: OverlayDirectories): OverlayDirectories {
  const move = (path: string): string => join(place, relative(storeRoot, path))
  const { lowerDirs, upperDir, workDir } = directories
  return {
    lowerDirs: lowerDirs.map(move),
    ...(upperDir === undefined ? {} : { upperDir: move(upperDir) }),
    ...(workDir === undefined ? {} : { workDir: move(workDir) }),
  }
}
