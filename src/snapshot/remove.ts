/** The end of an active snapshot. Apart from its making, which loads the reader of layers. */
import { join } from 'node:path'
import { containersPath } from '../content/paths.ts'
import { removeTree } from '../content/remove-tree.ts'

/** Host path of all that a container wrote. */
export const snapshotPath = (root: string, containerId: string): string => join(containersPath(root), containerId)

/** Removes what a container wrote. One that is not there is fine. The overlay must be unmounted. */
export async function removeSnapshot(root: string, containerId: string): Promise<void> {
  await removeTree(snapshotPath(root, containerId))
}
