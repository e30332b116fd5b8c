/** `rm`: a container that ended, or with force one that runs, is forgotten. */

import { UtsuwaError } from '../../errors.ts'
import { type DeleteOptions, deleteContainer } from '../../runtime/delete.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { isRestarting } from '../../runtime/state/monitored.ts'
import { containersDirectory, readByName, releaseName } from '../../runtime/state/names.ts'
import { findRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import { readAttachment } from '../connect/kept-attachment.ts'

/** Options of `removeContainer`. */
export interface RemoveOptions extends Roots {
  /** Kill it first if it runs. Default: false. */
  readonly force?: boolean
  /** Also the volumes without a name that were made for it. Default: false. */
  readonly volumes?: boolean
  /**
   * With `force`: told what is left of its network, as an error that says why, where plugins do not let go. Default: it is
   * removed without a word. Without `force` it is an error, and can be tried again.
   */
  readonly onWarning?: (warning: unknown) => void
}

/**
 * Removes a container and what it wrote.
 * @param nameOrId a name, an id, or the beginning of one
 * @returns its id
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE when it runs; CNI_FAILED, TIMEOUT unless it is forced
 */
export async function removeContainer(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT, force = false, volumes = false, onWarning }: RemoveOptions = {},
): Promise<string> {
  const stateRoot = containersDirectory(runRoot)
  const record = readByName(runRoot, nameOrId)
  const status = isRestarting(stateRoot, record) ? 'restarting' : containerStatus(stateRoot, record)
  if (status !== 'stopped' && !force)
    throw new UtsuwaError('CONTAINER_STATE', `it is ${status}`, {
      operation: `remove container ${nameOrId}`,
      hint: `utsuwa rm --force ${nameOrId}`,
    })
  const onNetworkFailure = (error: unknown): void => onWarning?.(leftBehind(stateRoot, record.id, error))
  await removeManaged(runRoot, record.id, record.managed?.name, {
    force,
    volumes,
    ...(force && { onNetworkFailure }),
  })
  return record.id
}

/** What plugins have not given back, of one that is removed all the same. */
function leftBehind(stateRoot: string, id: string, cause: unknown): unknown {
  const attachment = readAttachment(stateRoot, id)
  if (!(cause instanceof UtsuwaError) || attachment === undefined) return cause
  const { conflist, result } = attachment
  const addresses = (result?.ips ?? []).map(({ address }) => address.split('/')[0]).join(', ')
  const rules = `rules of the firewall for ${addresses || 'it'} may be left`
  const taken = addresses && `, and ${addresses} stays taken`
  return new UtsuwaError(cause.code, `${cause.message}; ${rules}${taken}`, {
    hint: `utsuwa network rm ${conflist.name} frees the addresses, as a boot does all of it`,
    cause,
  })
}

/** The name goes last: while it is there, so is what it names. A container that is gone is fine. */
export async function removeManaged(
  runRoot: string,
  id: string,
  name: string | undefined,
  options: Pick<DeleteOptions, 'force' | 'volumes' | 'onNetworkFailure'>,
): Promise<void> {
  const stateRoot = containersDirectory(runRoot)
  const record = findRecord(stateRoot, id)
  await deleteContainer(stateRoot, id, options)
  if (record?.phase === 'created') appendEvent(runRoot, 'destroy', record)
  // It may have been given another name meanwhile.
  const current = record?.managed?.name ?? name
  if (current !== undefined) releaseName(runRoot, current, id)
  const first = record?.managed?.firstUserId
  if (first !== undefined) (await import('../../runtime/state/user-ids.ts')).releaseUserIds(runRoot, first, id)
}
