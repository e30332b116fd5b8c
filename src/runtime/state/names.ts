/** Names of containers: a symbolic link from the name to the id, which only one caller can make. */

import { closeSync, mkdirSync, openSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import { constants, sys } from '../../sys/index.ts'
import { isErrno } from '../../util/errno.ts'
import { inRoom } from '../../util/room.ts'
import { type ContainerRecord, findRecord, hasRecord, listRecords, readRecord } from './record.ts'

export function namesDirectory(runRoot: string): string {
  return join(runRoot, 'names')
}

export function containersDirectory(runRoot: string): string {
  return join(runRoot, 'containers')
}

/** What a person calls a container. */
export const nameOrIdOf = ({ id, managed }: ContainerRecord): string => managed?.name ?? id

/** @throws UtsuwaError INVALID_ARGUMENT, CONTAINER_EXISTS with the id that has the name */
export function claimName(runRoot: string, name: string, id: string): void {
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(name))
    throw new UtsuwaError('INVALID_ARGUMENT', `${JSON.stringify(name)} is not a container name`, {
      operation: 'set name',
      hint: 'a name starts with a letter or digit and goes on with letters, digits, _ . or -',
    })
  const holder = claim(runRoot, namesDirectory(runRoot), name, id)
  if (holder !== undefined)
    throw new UtsuwaError('CONTAINER_EXISTS', `the name is used by container ${holder.slice(0, 12)}`, {
      operation: `set name ${name}`,
      hint: `utsuwa rm ${name}, or take another name`,
    })
}

/**
 * Makes something a container's, by a symbolic link in a directory of the run root, as names are made theirs.
 * @returns the id of the container that has it, when that is another one
 */
export function claim(runRoot: string, directory: string, name: string, id: string): string | undefined {
  const path = join(directory, name)
  inRoom(directory, () => mkdirSync(directory, { recursive: true, mode: 0o711 }))
  while (!tryTake(path, id)) {
    const holder = releaseUnlessHeld(runRoot, directory, name)
    if (holder !== undefined) return holder === id ? undefined : holder
  }
  return undefined
}

/**
 * Frees what was made a container's by `take` when that container is gone.
 * @returns the id of the container, when it is not
 */
export function releaseUnlessHeld(runRoot: string, directory: string, name: string): string | undefined {
  const holder = holderOf(join(directory, name))
  if (holder === undefined) return undefined
  if (hasRecord(containersDirectory(runRoot), holder)) return holder
  release(directory, name, holder)
  return undefined
}

/** False when somebody has the name. */
function tryTake(path: string, id: string): boolean {
  try {
    inRoom(path, () => symlinkSync(id, path))
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  }
}

/** Undefined when the name has been freed meanwhile. */
function holderOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Nothing happens when the name is not that of container `id`. */
export function releaseName(runRoot: string, name: string, id: string): void {
  release(namesDirectory(runRoot), name, id)
}

/** The same for what was made a container's by `take`. */
export function release(directory: string, name: string, id: string): void {
  const path = join(directory, name)
  if (holderOf(path) !== id) return
  const fd = openSync(directory, constants.O_DIRECTORY)
  try {
    // Held by each who frees, or between the look and the unlink another could free it, and a third take it.
    sys.flock(fd, constants.LOCK_EX)
    if (holderOf(path) === id) rmSync(path, { force: true })
  } finally {
    closeSync(fd)
  }
}

/**
 * The id that a name, an id or the beginning of one means.
 * @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT when it is ambiguous
 */
export function resolveContainer(runRoot: string, text: string): string {
  const known = resolveExactly(runRoot, text)
  if (known !== undefined) return known
  const records = listRecords(containersDirectory(runRoot))
  const exact = records.find(({ id, managed }) => managed?.name === text || id === text)
  if (exact !== undefined) return exact.id
  // Every id begins with nothing: `rm "$UNSET"` must not remove the only container that there is.
  const [match, another] = text === '' ? [] : records.filter(({ id }) => id.startsWith(text))
  if (match === undefined)
    throw new UtsuwaError('CONTAINER_NOT_FOUND', `no container has the name or id ${JSON.stringify(text)}`)
  if (another !== undefined)
    throw new UtsuwaError('INVALID_ARGUMENT', `${JSON.stringify(text)} is the beginning of several container ids`)
  return match.id
}

/**
 * What is known of the container that a name, an id or the beginning of one means.
 * @throws UtsuwaError as `resolveContainer`
 */
export function readByName(runRoot: string, nameOrId: string): ContainerRecord {
  return readRecord(containersDirectory(runRoot), resolveContainer(runRoot, nameOrId))
}

/** A name by its link, or an id in full: without a look at every container that there is. */
function resolveExactly(runRoot: string, text: string): string | undefined {
  if (!/^[\w][\w.-]*$/.test(text)) return undefined
  const stateRoot = containersDirectory(runRoot)
  const holder = holderOf(join(namesDirectory(runRoot), text))
  if (holder !== undefined && findRecord(stateRoot, holder)?.managed?.name === text) return holder
  return findRecord(stateRoot, text)?.id
}
