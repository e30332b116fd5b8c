/** Removing images by name or id. */
import { updateIndex } from '../content/index-file.ts'
import { UtsuwaError } from '../errors.ts'
import { snapshotLayers } from '../snapshot/active.ts'
import type { Descriptor, Digest } from '../spec/image.ts'
import { collectGarbageSoon, isDamage } from './garbage.ts'
import { type Image, loadImage, nameOf, readIndexIfAny, referenceOf, resolveEntries } from './image.ts'

export interface StoreRemoveOptions {
  /** Remove it even when a container uses it, whose layers then stay until it is removed, or when it has several names. Default false. */
  force?: boolean
}

/** What was left of an image by the removal of its name. */
export interface RemovedImage {
  /** The names that it has lost. */
  untagged: string[]
  /** Image id, when the image was removed: it had no other name. */
  deleted?: Digest
}

/** How long a removal waits for others until it leaves the collecting to them. */
const PATIENCE_MS = 2000

/**
 * Takes a name away from an image; with its last name the image is removed, with what no other image or container uses. An
 * image given by its id is removed with its name; with `force` with all its names.
 *
 * What a removed image occupies is freed at once, or, while others add to the store, when the last of them ends.
 *
 * @throws UtsuwaError IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export async function removeImage(
  root: string,
  text: string,
  { force = false }: StoreRemoveOptions = {},
): Promise<RemovedImage> {
  const { entries, byName } = await resolveEntries(root, text)
  const [first] = entries
  const names = entries.flatMap(entry => nameOf(entry) ?? [])
  if (names.length > 1 && !force) {
    throw new UtsuwaError('IMAGE_IN_USE', `it has ${names.length} names: ${names.join(', ')}`, {
      operation: `remove image ${text}`,
      hint: `remove one with utsuwa rmi ${names[0]}, or all with utsuwa rmi --force ${text}`,
    })
  }
  const image = await loadImage(root, first).catch((error: unknown) => {
    if (isDamage(error)) return undefined
    throw error
  })
  const others = (await readIndexIfAny(root)).filter(({ digest }) => digest === first.digest).length - entries.length
  const isLast = !byName || others === 0
  if (isLast && !force && image !== undefined) await refuseInUse(root, image)
  await dropEntries(root, entries)
  await collectGarbageSoon(root, PATIENCE_MS)
  return { untagged: names, ...(isLast ? { deleted: image?.id ?? first.digest } : {}) }
}

/** Removes entries from index.json; what they need stays until it is collected. */
export async function dropEntries(root: string, entries: readonly Descriptor[]): Promise<void> {
  const dropped = new Set(entries.map(referenceOf))
  await updateIndex(root, all => all.filter(entry => !dropped.has(referenceOf(entry))))
}

/** The ids of the containers that are made from these layers. */
export async function containersUsingImage(root: string, image: Pick<Image, 'diffIds'>): Promise<string[]> {
  const layers = image.diffIds.join()
  return [...(await snapshotLayers(root))].filter(([, diffIds]) => diffIds.join() === layers).map(([id]) => id)
}

async function refuseInUse(root: string, image: Image): Promise<void> {
  const users = await containersUsingImage(root, image)
  const [user] = users
  if (user === undefined) return
  const ids = users.map(id => id.slice(0, 12)).join(' ')
  throw new UtsuwaError(
    'IMAGE_IN_USE',
    `container${users.length === 1 ? '' : 's'} ${ids} ${users.length === 1 ? 'is' : 'are'} made from it`,
    {
      operation: `remove image ${image.reference}`,
      hint: `remove the container first: utsuwa rm ${ids}`,
    },
  )
}
