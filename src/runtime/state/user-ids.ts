/** Ids of the host for containers with a user namespace of their own: a range each, which no other container has. */
import { join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import { USER_IDS } from '../../options/user-namespace.ts'
import { claim, release } from './names.ts'

/**
 * Above those that useradd(8) hands to users for their own containers (SUB_UID_MAX of login.defs(5), 600100000), and
 * within those that systemd leaves to containers (its document on users, groups, UIDs and GIDs: up to 0x6fffffff).
 */
const FIRST = 0x40000000
const RANGES = (0x70000000 - FIRST) / USER_IDS

export const userIdsDirectory = (runRoot: string): string => join(runRoot, 'user-ids')

/**
 * Takes a range for a container. Where the search begins depends on the id, so that a container that was kept across a
 * boot finds its own free again.
 *
 * @returns the first of its ids on the host
 * @throws UtsuwaError LIMIT_EXCEEDED when all are taken
 */
export function claimUserIds(runRoot: string, id: string): number {
  const begin = Number.parseInt(id.slice(0, 8), 16) % RANGES
  for (let tried = 0; tried < RANGES; tried++) {
    const first = FIRST + ((begin + tried) % RANGES) * USER_IDS
    if (claim(runRoot, userIdsDirectory(runRoot), String(first), id) === undefined) return first
  }
  throw new UtsuwaError('LIMIT_EXCEEDED', 'all ranges of ids are taken', { operation: 'choose user ids' })
}

/** The same range as before. @throws UtsuwaError CONTAINER_EXISTS when another container has it */
export function reclaimUserIds(runRoot: string, first: number, id: string): void {
  const holder = claim(runRoot, userIdsDirectory(runRoot), String(first), id)
  if (holder === undefined) return
  throw new UtsuwaError('CONTAINER_EXISTS', `its user ids are used by container ${holder.slice(0, 12)}`, {
    operation: `use user ids from ${first} on`,
    hint: 'remove that one, or create this one anew',
  })
}

/** Nothing happens when they are not those of container `id`. */
export function releaseUserIds(runRoot: string, first: number, id: string): void {
  release(userIdsDirectory(runRoot), String(first), id)
}

/** What a plan shows where no container is made. */
export const PLANNED_USER_IDS = FIRST
