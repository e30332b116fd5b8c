/**
 * Volumes: directories that outlive the containers that mount them.
 *
 *     volumes/NAME/_data        what containers see
 *     volumes/NAME/volume.json  what is known of it
 *     volumes/.lock             held shared by who makes or uses volumes, exclusively by who removes them
 *
 * Like layers they hold set-user-id programs, so only root may look into them (CVE-2021-41103).
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { acquireLock, type LockKind } from '../content/lock.ts'
import { storeError } from '../content/paths.ts'
import { removeTree } from '../content/remove-tree.ts'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'

/** A volume of the store. */
export interface Volume {
  readonly name: string
  /** Host path of what containers see. */
  readonly mountpoint: string
  /** RFC 3339, UTC. */
  readonly created: string
  readonly labels: Readonly<Record<string, string>>
  /** Made for one container, which did not name it: its name is 64 hexadecimal digits. */
  readonly anonymous: boolean
}

const PROPERTIES = 'volume.json'
const TEMPORARY_PREFIX = '.new-'

/** Absolute, since a mount is made by it. */
const volumesPath = (root: string): string => resolve(root, 'volumes')
const volumePath = (root: string, name: string): string => join(volumesPath(root), name)
/** Host path of what containers see of a volume. */
export const mountpointOf = (root: string, name: string): string => join(volumePath(root, name), '_data')

/** @throws UtsuwaError NOT_ROOT, NO_SPACE, ABORTED */
export async function lockVolumes(root: string, kind: LockKind, signal?: AbortSignal): Promise<AsyncDisposable> {
  try {
    await mkdir(root, { recursive: true, mode: 0o711 })
    await mkdir(volumesPath(root), { recursive: true, mode: 0o700 })
    return await acquireLock(join(volumesPath(root), '.lock'), kind, signal)
  } catch (error) {
    throw storeError(error, 'lock volumes')
  }
}

/**
 * Makes a volume that is not there yet; with a name that is there, nothing happens. The caller holds the lock.
 * @param name Default: a new one, for a volume without a name
 * @throws UtsuwaError NOT_ROOT, NO_SPACE
 */
export async function ensureVolume(
  root: string,
  name: string | undefined,
  labels: Readonly<Record<string, string>> = {},
): Promise<Volume> {
  const chosen = name ?? randomBytes(32).toString('hex')
  const path = volumePath(root, chosen)
  const temporary = join(volumesPath(root), `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`)
  try {
    if (existsSync(path)) return (await findVolume(root, chosen))!
    await mkdir(join(temporary, '_data'), { recursive: true, mode: 0o755 })
    const properties = { created: new Date().toISOString(), labels, anonymous: name === undefined }
    await writeFile(join(temporary, PROPERTIES), JSON.stringify(properties), { mode: 0o600 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // Another process was faster.
    if (!isErrno(error, 'ENOTEMPTY') && !isErrno(error, 'EEXIST')) throw storeError(error, `make volume ${chosen}`)
  }
  return (await findVolume(root, chosen))!
}

/** Undefined when there is none. */
export async function findVolume(root: string, name: string): Promise<Volume | undefined> {
  try {
    const text = await readFile(join(volumePath(root, name), PROPERTIES), 'utf8')
    return { name, mountpoint: mountpointOf(root, name), ...(JSON.parse(text) as Omit<Volume, 'name' | 'mountpoint'>) }
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw storeError(error, `read volume ${name}`)
  }
}

/** @throws UtsuwaError VOLUME_NOT_FOUND */
export async function readVolume(root: string, name: string): Promise<Volume> {
  const volume = isVolumeName(name) ? await findVolume(root, name) : undefined
  if (volume !== undefined) return volume
  throw new UtsuwaError('VOLUME_NOT_FOUND', `no volume has the name ${JSON.stringify(name)}`)
}

/** By name. */
export async function listVolumes(root: string): Promise<Volume[]> {
  const names = await readdir(volumesPath(root)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return []
    throw storeError(error, 'list volumes')
  })
  const found = await Promise.all(
    names
      .filter(isVolumeName)
      .sort()
      .map(name => findVolume(root, name)),
  )
  return found.filter(volume => volume !== undefined)
}

/** Idempotent. The caller holds the lock exclusively, and the volume is unused. */
export async function removeVolumeTree(root: string, name: string): Promise<void> {
  const path = volumePath(root, name)
  // Under another name first: a killed process leaves no half of a volume.
  const temporary = join(volumesPath(root), `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`)
  try {
    await rename(path, temporary)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw storeError(error, `remove volume ${name}`)
  }
  await removeLeftovers(root)
}

/** What a caller who was killed left; with the lock held exclusively, all that has such a name is that. */
async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(volumesPath(root)))
    if (name.startsWith(TEMPORARY_PREFIX)) await removeTree(join(volumesPath(root), name))
}

const isVolumeName = (name: string): boolean => !name.startsWith('.') && !name.includes('/')
