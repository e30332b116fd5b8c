/** `ps`: containers by what is known of them. */
import { containersDirectory } from './names.ts'
import { type ContainerRecord, listRecords } from './record.ts'
import { removeManaged } from './remove.ts'
import { DEFAULT_RUN_ROOT, type Roots } from './roots.ts'
import { type ContainerStatus, containerStatus } from './status.ts'

/** A container, as `ps` shows it. */
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
    if (status === 'stopped' && record.managed?.removeOnExit)
      await removeManaged(runRoot, record.id, record.managed.name, { force: true })
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
