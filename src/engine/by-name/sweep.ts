/** What killed commands have left below a run root: links that lead to no container, directories that never became one. */
import { readdirSync } from 'node:fs'
import { containersDirectory, namesDirectory, releaseUnlessHeld } from '../../runtime/state/names.ts'
import { collectLeftovers } from '../../runtime/state/record.ts'
import { userIdsDirectory } from '../../runtime/state/user-ids.ts'
import { isErrno } from '../../util/errno.ts'

/**
 * Frees names and ranges of user ids whose containers are gone, as when `rm` was killed before it came to them, and
 * removes what is left of containers whose creator or remover was killed.
 *
 * A container is known before anything is made its own, so nothing that is just being taken is touched.
 */
export function sweepRunRoot(runRoot: string): void {
  for (const directory of [namesDirectory(runRoot), userIdsDirectory(runRoot)])
    for (const name of linksOf(directory)) releaseUnlessHeld(runRoot, directory, name)
  collectLeftovers(containersDirectory(runRoot))
}

function linksOf(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true })
    return entries.filter(entry => entry.isSymbolicLink()).map(({ name }) => name)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
