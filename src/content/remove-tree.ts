/** Removing directories whose content a container or an image chose. */
import { rm } from 'node:fs/promises'

/** Removes a file or a directory with all that is in it; one that is not there is fine. Links are removed, not followed. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
}
