/** `inspect`: all that is known of one container. */
import { join } from 'node:path'
import { findCgroupDirectory } from '../../runtime/state/cgroup-directory.ts'
import { startOf } from '../../runtime/state/journal.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { LOG_NAME, logDirectory } from '../../runtime/state/places.ts'
import {
  type ContainerRecord,
  containerDirectory,
  type RestartPolicy,
  readSpec,
  type VolumeUse,
} from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'
import { readAttachment } from '../connect/kept-attachment.ts'
import { type ContainerSummary, settle, summarize } from './list.ts'

/** All that is known of a container. */
export interface ContainerDetails extends ContainerSummary {
  /** Whether the kernel killed in it for lack of memory; undefined while it runs. */
  readonly oom: boolean | undefined
  /** Of a container that outlives its creator; `no` for others. */
  readonly restart: RestartPolicy
  /** How often that has restarted it, or tried to since it ended. */
  readonly restarts: number
  /** Why it could not be started or restarted last; undefined when it could. */
  readonly error: string | undefined
  /** Host path of its log, which others continue as `….1`; undefined where nothing is kept. */
  readonly log: string | undefined
  /** What it was created from; undefined when its making was cut short. */
  readonly spec: RuntimeSpec | undefined
  /** What it is connected to now; undefined where that is nothing, the host's network or another container's. */
  readonly connection: Connection | undefined
  /** The volumes that it mounts. */
  readonly volumes: readonly VolumeUse[]
  /** Host path of its root file system; '' for an image's, which no path of the host leads to. */
  readonly rootfs: string
  /** Host path of its cgroup. */
  readonly cgroup: string | undefined
  /** Host path of what is kept of it. */
  readonly directory: string
}

/** A container's place in a network. */
export interface Connection {
  readonly network: string
  /** With the length of the prefix. */
  readonly address: string | undefined
  readonly gateway: string | undefined
  readonly macAddress: string | undefined
}

/**
 * @param nameOrId a name, an id, or the beginning of one
 * @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT when it is ambiguous
 */
export async function inspectContainer(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT }: Roots = {},
): Promise<ContainerDetails> {
  const stateRoot = containersDirectory(runRoot)
  const found = readByName(runRoot, nameOrId)
  const settled = await settle(stateRoot, found)
  if (settled === undefined) return inspectContainer(nameOrId, { runRoot }) // removed meanwhile, which this says
  const { record, status } = settled
  const { managed, rootfs } = record
  return {
    ...summarize(stateRoot, record, status),
    started: startOf(runRoot, record),
    oom: managed?.exit?.oom,
    restart: managed?.detached?.restart ?? { name: 'no' },
    restarts: (managed?.detached?.restarts ?? 0) + (managed?.failedRestarts?.attempts ?? 0),
    error: (managed?.failedRestarts?.last ?? managed?.startFailure)?.message,
    log: logPath(record),
    spec: record.phase === 'created' ? readSpec(stateRoot, record.id) : undefined,
    connection: managed?.network?.network === undefined ? undefined : connectionOf(stateRoot, record.id),
    volumes: managed?.volumes?.uses ?? [],
    rootfs,
    cgroup: findCgroupDirectory(record),
    directory: containerDirectory(stateRoot, record.id),
  }
}

function connectionOf(stateRoot: string, id: string): Connection | undefined {
  const attachment = readAttachment(stateRoot, id)
  if (attachment === undefined) return undefined
  const [ip] = attachment.result?.ips ?? []
  return {
    network: attachment.conflist.name,
    address: ip?.address,
    gateway: ip?.gateway,
    macAddress: attachment.result?.interfaces?.find(({ sandbox }) => sandbox)?.mac,
  }
}

function logPath({ id, managed }: ContainerRecord): string | undefined {
  const detached = managed?.detached
  return detached === undefined || detached.log.disabled ? undefined : join(logDirectory(detached, id), LOG_NAME)
}
