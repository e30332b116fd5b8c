/** `volume create`, `rm` and `prune`: volumes by themselves. */

import { treeSize } from '../../content/tree-size.ts'
import { UtsuwaError } from '../../errors.ts'
import { checkVolumeName } from '../../options/volumes.ts'
import { containersDirectory } from '../../runtime/state/names.ts'
import type { ContainerRecord } from '../../runtime/state/record.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import {
  ensureVolume,
  listVolumes,
  lockVolumes,
  readVolume,
  removeVolumeTree,
  type Volume,
} from '../../volume/store.ts'
import { usersOf } from './volumes.ts'

/** Options of `createVolume`. */
export interface CreateVolumeOptions extends Pick<Roots, 'root'> {
  /** Default: 64 hexadecimal digits. */
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
}

/**
 * Makes a volume. One that has the name already is left as it is.
 * @throws UtsuwaError INVALID_ARGUMENT, NOT_ROOT, NO_SPACE
 */
export async function createVolume({ root = DEFAULT_ROOT, name, labels }: CreateVolumeOptions = {}): Promise<Volume> {
  if (name !== undefined) checkVolumeName(name, 'volume create')
  await using _lock = await lockVolumes(root, 'shared')
  // Not before it is there: the lock would be let go of.
  return await ensureVolume(root, name, labels)
}

/** Options of `removeVolume`. */
export interface RemoveVolumeOptions extends Roots {
  /** Also one that containers use which have ended; one that is gone is fine. Default: false. */
  readonly force?: boolean
}

/**
 * Removes a volume and what is in it.
 * @throws UtsuwaError VOLUME_NOT_FOUND; VOLUME_IN_USE with the containers
 */
export async function removeVolume(
  name: string,
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT, force = false }: RemoveVolumeOptions = {},
): Promise<void> {
  await using _lock = await lockVolumes(root, 'exclusive')
  if (!force) await readVolume(root, name)
  else checkVolumeName(name, 'volume rm')
  const stateRoot = containersDirectory(runRoot)
  const users = usersOf(stateRoot, root, name)
  const hinder = force ? users.filter(user => containerStatus(stateRoot, user) !== 'stopped') : users
  if (hinder.length > 0)
    throw new UtsuwaError('VOLUME_IN_USE', `it is used by ${hinder.map(nameOf).join(', ')}`, {
      operation: `remove volume ${name}`,
      hint: `utsuwa rm ${nameOf(hinder[0]!)}`,
    })
  await removeVolumeTree(root, name)
}

function nameOf({ id, managed }: ContainerRecord): string {
  return managed?.name ?? id.slice(0, 12)
}

/** Options of `pruneVolumes`. */
export interface PruneVolumesOptions extends Roots {
  /** Also volumes that were given a name. Default: false. */
  readonly all?: boolean
}

/** What `pruneVolumes` removed. */
export interface PrunedVolumes {
  readonly volumes: readonly string[]
  /** Bytes on disk. */
  readonly reclaimed: number
}

/** Removes the volumes that no container uses. */
export async function pruneVolumes({
  root = DEFAULT_ROOT,
  runRoot = DEFAULT_RUN_ROOT,
  all = false,
}: PruneVolumesOptions = {}): Promise<PrunedVolumes> {
  await using _lock = await lockVolumes(root, 'exclusive')
  const stateRoot = containersDirectory(runRoot)
  const removed: string[] = []
  let reclaimed = 0
  for (const { name, anonymous, mountpoint } of await listVolumes(root)) {
    if (!(all || anonymous) || usersOf(stateRoot, root, name).length > 0) continue
    reclaimed += await treeSize(mountpoint)
    await removeVolumeTree(root, name)
    removed.push(name)
  }
  return { volumes: removed, reclaimed }
}
