/** `delete`: everything of a container, and the record last. */
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { killCgroup, removeCgroup } from '../cgroup/remove.ts'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import { waitReadable } from '../launch/readable.ts'
import { sys } from '../sys/index.ts'
import { runPoststopHooks } from './hooks.ts'
import { openInit } from './state/first-process.ts'
import { announceRemoval, untilMonitorIsDone } from './state/monitored.ts'
import { type ContainerRecord, lockContainer, readRecord } from './state/record.ts'
import { containerStatus } from './state/status.ts'

const SIGKILL = 9
const END_TIMEOUT_MS = 10_000

export interface DeleteOptions {
  /** Kill it first if it lives; a container that does not exist is fine. Default: false. */
  readonly force?: boolean
  /** Also the volumes without a name that were made for it. Default: as with `removeOnExit`. */
  readonly volumes?: boolean
  /** Told of each poststop hook that failed: they do not keep a container from being deleted (runtime.md, "Delete"). */
  readonly onHookFailure?: (error: unknown) => void
  /** Told when plugins do not let go of its network, which does not keep it from being deleted then. Default: an error. */
  readonly onNetworkFailure?: ((error: unknown) => void) | undefined
}

/** @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE while it runs */
export async function deleteContainer(
  stateRoot: string,
  id: string,
  { force = false, volumes = false, onHookFailure, onNetworkFailure }: DeleteOptions = {},
): Promise<void> {
  try {
    using container = await lockContainer(stateRoot, id)
    const record = readRecord(stateRoot, id)
    // The lock is ours, so nobody is creating it any more.
    const status = record.phase === 'creating' ? 'stopped' : containerStatus(stateRoot, record)
    // A created one goes too, as with runc: engines delete what they decide not to start.
    if (status !== 'stopped' && status !== 'created' && !force)
      throw new UtsuwaError('CONTAINER_STATE', `cannot delete container ${id} that is not stopped: ${status}`)
    announceRemoval(stateRoot, record)
    await end(record)
    await untilMonitorIsDone(stateRoot, record)
    await releaseNetworkOf(stateRoot, record).catch((error: unknown) => {
      if (onNetworkFailure === undefined) throw error
      onNetworkFailure(error)
    })
    await runPoststopHooks(record, onHookFailure)
    if (volumes || record.managed?.removeOnExit) await removeVolumesOf(stateRoot, record)
    const storeRoot = record.managed?.storeRoot ?? record.managed?.detached?.storeRoot
    if (storeRoot !== undefined) await removeSnapshotOf(storeRoot, id)
    container.remove()
  } catch (error) {
    if (!force || !isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) throw error
  }
}

/** Gives back what a container that has ended has of its network. Once more is harmless. */
export async function releaseNetworkOf(stateRoot: string, record: ContainerRecord): Promise<void> {
  if (record.managed?.network?.network === undefined) return
  const { releaseNetwork } = await import('../engine/connect/network-attachment.ts')
  await releaseNetwork(stateRoot, record)
}

/** Loaded when needed: most containers have none. */
async function removeVolumesOf(stateRoot: string, record: ContainerRecord): Promise<void> {
  if (record.managed?.volumes === undefined) return
  const { removeAnonymousVolumes } = await import('../engine/connect/volumes.ts')
  await removeAnonymousVolumes(stateRoot, record)
}

/** Loaded when needed: an OCI runtime's containers have no snapshot. */
async function removeSnapshotOf(storeRoot: string, id: string): Promise<void> {
  const { removeSnapshot } = await import('../snapshot/remove.ts')
  await removeSnapshot(storeRoot, id)
}

/** Kills what still runs, waits for it, and removes the cgroup. */
async function end(record: ContainerRecord): Promise<void> {
  const pidfd = record.phase === 'created' ? openInit(record) : undefined
  if (pidfd !== undefined) {
    sys.pidfdSendSignal(pidfd, SIGKILL)
    // The first process of a PID namespace ends after all others in it, also those that exec put there and that wait
    // for their parents outside to take note of their end.
    const ended = await waitReadable(pidfd, END_TIMEOUT_MS)
    closeSync(pidfd)
    if (!ended)
      throw new UtsuwaError('TIMEOUT', 'its first process was killed and has not ended', {
        operation: `delete container ${record.id}`,
      })
  }
  await removeCgroupOf(record)
}

/** Loaded when needed: it starts programs. */
async function forgetUnit(name: string): Promise<void> {
  const { stopUnit } = await import('../cgroup/systemd/systemd.ts')
  await stopUnit(name)
}

/**
 * What a run of a container that has ended leaves beside its files: its cgroup, its place in a network. Once more is harmless.
 * Plugins that do not let go keep no end from being written down: `ps` asks them again, and says so.
 */
export async function releaseResources(
  stateRoot: string,
  record: ContainerRecord,
  onWarning: (warning: unknown) => void = () => undefined,
): Promise<void> {
  await removeCgroupOf(record)
  await releaseNetworkOf(stateRoot, record).catch(onWarning)
}

/** Kills whatever is in the container's cgroup, and removes it. */
export async function removeCgroupOf({ cgroup }: ContainerRecord): Promise<void> {
  if (cgroup === undefined) return
  const directory = join(cgroup.mount, cgroup.path)
  killCgroup(directory)
  if (cgroup.unit !== undefined) await forgetUnit(cgroup.unit)
  await removeCgroup(directory)
}
