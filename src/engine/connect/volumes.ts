/** The volumes of a container: made before it is, and gone with it where they are its own. */
import { resolve } from 'node:path'
import { copiesImage } from '../../options/volumes.ts'
import {
  type ContainerRecord,
  listRecords,
  type VolumesOfContainer,
  type VolumeUse,
} from '../../runtime/state/record.ts'
import type { Mount } from '../../spec/runtime.ts'
import { ensureVolume, lockVolumes, mountpointOf, removeVolumeTree, type Volume } from '../../volume/store.ts'

export interface AttachInput {
  readonly root: string
  /** Mounts of the type `volume`. */
  readonly mounts: readonly Mount[]
  /** Of an image's root file system: new volumes get a copy of what is at their place. */
  readonly imageRootFd?: number
  /** Writes down who uses them, before anybody can take them for unused. */
  readonly onUse: (volumes: VolumesOfContainer) => void
  readonly signal?: AbortSignal
}

/**
 * The volumes of a container, made and filled where they are new.
 * @returns host path of each, by its destination
 * @throws UtsuwaError NO_SPACE, NOT_ROOT, ABORTED
 */
export async function attachVolumes(input: AttachInput): Promise<Map<string, string>> {
  const { root, mounts, imageRootFd, signal } = input
  const volumes = await makeVolumes(input)
  if (imageRootFd !== undefined) {
    // Loaded when needed: it starts programs.
    const { populateVolume } = await import('../../volume/populate.ts')
    for (const [index, volume] of volumes.entries())
      if (copiesImage(mounts[index]!)) await populateVolume(volume, imageRootFd, mounts[index]!.destination, signal)
  }
  return new Map(mounts.map(({ destination }, index) => [destination, mountpointOf(root, volumes[index]!.name)]))
}

async function makeVolumes({ root, mounts, onUse, signal }: AttachInput): Promise<Volume[]> {
  await using _lock = await lockVolumes(root, 'shared', signal)
  const volumes: Volume[] = []
  const uses: VolumeUse[] = []
  for (const { source, destination } of mounts) {
    const volume = await ensureVolume(root, source)
    volumes.push(volume)
    uses.push({ name: volume.name, destination, anonymous: source === undefined })
    // Each at once: an anonymous volume that nobody knows of would be nobody's to remove.
    onUse({ root: resolve(root), uses })
  }
  return volumes
}

/** Removes what was made for a container alone. The record is still there, so that it can be done again. */
export async function removeAnonymousVolumes(stateRoot: string, { id, managed }: ContainerRecord): Promise<void> {
  const { root, uses } = managed?.volumes ?? { root: '', uses: [] }
  const own = uses.filter(({ anonymous }) => anonymous)
  if (own.length === 0) return
  await using _lock = await lockVolumes(root, 'exclusive')
  for (const { name } of own)
    if (usersOf(stateRoot, root, name).every(user => user.id === id)) await removeVolumeTree(root, name)
}

/** Records of the containers that mount a volume. */
export function usersOf(stateRoot: string, root: string, volume: string): ContainerRecord[] {
  return listRecords(stateRoot).filter(
    ({ managed }) =>
      managed?.volumes?.root === resolve(root) && managed.volumes.uses.some(({ name }) => name === volume),
  )
}
