/** `state`: what the runtime specification lets anybody ask about a container. */
import { type ContainerRecord, listRecords, readRecord } from './state/record.ts'
import { type ContainerStatus, containerStatus } from './state/status.ts'

/** runtime.md, "State". */
export interface OciState {
  readonly ociVersion: string
  readonly id: string
  /** 0 when the container has stopped. */
  readonly pid: number
  readonly status: ContainerStatus
  readonly bundle: string
  readonly rootfs: string
  /** RFC 3339. */
  readonly created: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** @throws UtsuwaError CONTAINER_NOT_FOUND */
export function state(stateRoot: string, id: string): OciState {
  return stateOf(stateRoot, readRecord(stateRoot, id))
}

export function listStates(stateRoot: string): OciState[] {
  return listRecords(stateRoot).map(record => stateOf(stateRoot, record))
}

function stateOf(stateRoot: string, record: ContainerRecord): OciState {
  return formatState(record, containerStatus(stateRoot, record))
}

/** The state as commands print it and hooks read it. */
export function formatState(record: ContainerRecord, status: ContainerStatus): OciState {
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    pid: status === 'stopped' ? 0 : record.pid,
    status,
    bundle: record.bundle,
    rootfs: record.rootfs,
    created: record.created,
    ...(Object.keys(record.annotations).length > 0 ? { annotations: record.annotations } : {}),
  }
}
