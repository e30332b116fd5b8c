/** `rm`: a container that ended, or with force one that runs, is forgotten. */
import { UtsuwaError } from '../errors.ts'
import { deleteContainer } from './delete.ts'
import { tell } from './journal.ts'
import { isRestarting } from './monitored.ts'
import { containersDirectory, freeName, readByName } from './names.ts'
import { findRecord } from './record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from './roots.ts'
import { containerStatus } from './status.ts'

/** Options of `removeContainer`. */
export interface RemoveOptions extends Roots {
  /** Kill it first if it runs. Default: false. */
  readonly force?: boolean
  /** Also the volumes without a name that were made for it. Default: false. */
  readonly volumes?: boolean
}

/**
 * Removes a container and what it wrote.
 * @param nameOrId a name, an id, or the beginning of one
 * @returns its id
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE when it runs
 */
export async function removeContainer(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT, force = false, volumes = false }: RemoveOptions = {},
): Promise<string> {
  const stateRoot = containersDirectory(runRoot)
  const record = readByName(runRoot, nameOrId)
  const status = isRestarting(stateRoot, record) ? 'restarting' : containerStatus(stateRoot, record)
  if (status !== 'stopped' && !force)
    throw new UtsuwaError('CONTAINER_STATE', `it is ${status}`, {
      operation: `remove container ${nameOrId}`,
      hint: `utsuwa rm --force ${nameOrId}`,
    })
  await removeManaged(runRoot, record.id, record.managed?.name, { force, volumes })
  return record.id
}

/** The name goes last: while it is there, so is what it names. A container that is gone is fine. */
export async function removeManaged(
  runRoot: string,
  id: string,
  name: string | undefined,
  { force, volumes = false }: { readonly force: boolean; readonly volumes?: boolean },
): Promise<void> {
  const stateRoot = containersDirectory(runRoot)
  const record = findRecord(stateRoot, id)
  await deleteContainer(stateRoot, id, { force, volumes })
  if (record?.phase === 'created') tell(runRoot, 'destroy', record)
  // It may have been given another name meanwhile.
  const current = record?.managed?.name ?? name
  if (current !== undefined) freeName(runRoot, current, id)
  const first = record?.managed?.firstUserId
  if (first !== undefined) (await import('./user-ids.ts')).freeUserIds(runRoot, first, id)
}
