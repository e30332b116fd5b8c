/** `ps` and `rm`: containers by what is known of them. */
import { UtsuwaError } from '../errors.ts'
import { DEFAULT_RUN_ROOT, type Roots } from './container.ts'
import { deleteContainer } from './delete.ts'
import { containersDirectory, freeName, resolveContainer } from './names.ts'
import { type ContainerRecord, listRecords, readRecord } from './record.ts'
import { type ContainerStatus, containerStatus } from './status.ts'

export interface ContainerSummary {
  readonly id: string
  readonly name: string | undefined
  /** Reference of the image; undefined for a plain directory. */
  readonly image: string | undefined
  readonly command: readonly string[]
  readonly status: ContainerStatus
  /** 0 when it has stopped. */
  readonly pid: number
  /** RFC 3339. */
  readonly created: string
  /** Undefined while it runs, and when whoever ran it was killed before it ended. */
  readonly exitCode: number | undefined
}

/**
 * All containers, newest first. Those that were to be removed at their end, and whose launcher was killed before it
 * could, are removed now.
 */
export async function containers({ runRoot = DEFAULT_RUN_ROOT }: Roots = {}): Promise<ContainerSummary[]> {
  const stateRoot = containersDirectory(runRoot)
  const summaries: ContainerSummary[] = []
  for (const record of listRecords(stateRoot)) {
    const status = containerStatus(stateRoot, record)
    if (status === 'stopped' && record.managed?.removeOnExit) await removeRecord(runRoot, record, true)
    else summaries.push(summarize(record, status))
  }
  return summaries.sort((a, b) => b.created.localeCompare(a.created))
}

export function summarize({ id, pid, created, managed }: ContainerRecord, status: ContainerStatus): ContainerSummary {
  return {
    id,
    name: managed?.name,
    image: managed?.image,
    command: managed?.command ?? [],
    status,
    pid: status === 'stopped' ? 0 : pid,
    created,
    exitCode: managed?.exit?.exitCode,
  }
}

export interface RemoveOptions extends Roots {
  /** Kill it first if it runs. Default: false. */
  readonly force?: boolean
}

/**
 * Removes a container and what it wrote.
 * @param nameOrId a name, an id, or the beginning of one
 * @returns its id
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE when it runs
 */
export async function removeContainer(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT, force = false }: RemoveOptions = {},
): Promise<string> {
  const stateRoot = containersDirectory(runRoot)
  const record = readRecord(stateRoot, resolveContainer(runRoot, nameOrId))
  const status = containerStatus(stateRoot, record)
  if (status !== 'stopped' && !force)
    throw new UtsuwaError('CONTAINER_STATE', `it is ${status}`, {
      operation: `remove container ${nameOrId}`,
      hint: `utsuwa rm --force ${nameOrId}`,
    })
  await removeRecord(runRoot, record, force)
  return record.id
}

/** The name goes last: while it is there, so is what it names. */
async function removeRecord(runRoot: string, { id, managed }: ContainerRecord, force: boolean): Promise<void> {
  await deleteContainer(containersDirectory(runRoot), id, { force })
  if (managed?.name !== undefined) freeName(runRoot, managed.name, id)
}
