/** `start` of a container that has ended: it is made anew of what is kept of it, with its files as it left them. */
import { closeSync } from 'node:fs'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import { create } from '../../runtime/create.ts'
import { start } from '../../runtime/start.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { keepForBoot } from '../../runtime/state/keep-for-boot.ts'
import { allowRestart, isStopRequested } from '../../runtime/state/monitored.ts'
import { containersDirectory, nameOrIdOf } from '../../runtime/state/names.ts'
import {
  type ContainerRecord,
  type DetachedRecord,
  lockContainer,
  readRecord,
  readSpec,
} from '../../runtime/state/record.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { withStartFailure } from '../../runtime/state/start-failure.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'
import { openJoined, withNamespacePaths } from '../connect/joined-namespaces.ts'
import { finishRun } from '../end/finish-run.ts'
import { detachedRecord, openMonitorStreams } from '../monitor/detached.ts'

/** What the restart policy is to know of the next run. */
export type Restart = Pick<DetachedRecord, 'restarts' | 'restartDelay'>

const FIRST: Restart = { restarts: 0, restartDelay: 100 }

/**
 * Resolves when its command runs.
 * @param restart given where its restart policy wants it: then nothing happens when somebody has stopped it
 * @throws UtsuwaError CONTAINER_STATE unless it has ended; what creating and starting it fail with, and it has ended still
 */
export async function startAgain(id: string, roots: Roots = {}, restart?: Restart): Promise<void> {
  const { runRoot = DEFAULT_RUN_ROOT } = roots
  const stateRoot = containersDirectory(runRoot)
  if (!(await createAgain(id, roots, restart))) return
  await start(stateRoot, id)
  appendEvent(runRoot, 'start', readRecord(stateRoot, id))
}

/** The same up to the moment before the command runs. False when nothing happened. */
export async function createAgain(
  id: string,
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots = {},
  restart?: Restart,
): Promise<boolean> {
  const stateRoot = containersDirectory(runRoot)
  using container = await lockContainer(stateRoot, id)
  const before = readRecord(stateRoot, id)
  refuseUnlessStopped(stateRoot, before)
  if (restart === undefined) allowRestart(stateRoot, before)
  else if (isStopRequested(stateRoot, id)) return false
  const record = await finishRun(runRoot, container, before)
  using joined = openJoined(record.managed?.joins ?? {}, runRoot)
  const spec = withNamespacePaths(readSpec(stateRoot, id), joined.paths)
  const managed = withDetached(record, spec.process?.terminal ?? false, root, restart ?? FIRST)
  if (record.rootfs !== '' && record.managed?.detached === undefined)
    await makePlace(managed.detached.storeRoot, id, container.directory)
  const rootfsMountFd = record.rootfs === '' ? await mountSnapshot(managed.storeRoot!, id, spec) : undefined
  let created: ContainerRecord
  try {
    using monitored = openMonitorStreams(id, container, runRoot, managed.detached)
    const { consoleSocketFd } = monitored
    const launched = await create({
      stateRoot,
      id,
      spec,
      bundlePath: record.bundle,
      created: record.created,
      stdio: monitored.stdio,
      gate: 'socket',
      monitor: monitored.monitor,
      managed,
      reserved: container,
      keepsRecord: true,
      ...(record.cgroup === undefined ? {} : { cgroupPath: record.cgroup.path }),
      ...(rootfsMountFd === undefined ? {} : { rootfsMountFd }),
      ...(consoleSocketFd === undefined ? {} : { consoleSocketFd }),
    })
    launched.init.close()
    created = launched.record
  } catch (error) {
    // How a restart by policy failed is for `keepFailedRestart`; here it is why the caller's `start` did.
    if (restart === undefined) container.write(withStartFailure(record, error))
    throw error
  } finally {
    if (rootfsMountFd !== undefined) closeSync(rootfsMountFd)
  }
  keepForBoot(stateRoot, created, spec)
  return true
}

function refuseUnlessStopped(stateRoot: string, record: ContainerRecord): void {
  const operation = `start container ${nameOrIdOf(record)}`
  if (record.managed === undefined || record.phase === 'creating')
    throw new UtsuwaError('CONTAINER_STATE', 'its creation was cut short', { operation, hint: 'utsuwa rm it' })
  const status = containerStatus(stateRoot, record)
  if (status !== 'stopped') throw new UtsuwaError('CONTAINER_STATE', `it is ${status}`, { operation })
}

function withDetached(
  { managed }: ContainerRecord,
  terminal: boolean,
  root: string,
  restart: Restart,
): NonNullable<ContainerRecord['managed']> & { readonly detached: DetachedRecord } {
  const { exit: _, startFailure: __, failedRestarts: ___, ...kept } = managed!
  const detached = kept.detached ?? detachedRecord({}, terminal, kept.storeRoot ?? root)
  return { ...kept, detached: { ...detached, ...restart } }
}

/** Loaded when needed, as it loads the reader of layers. */
async function mountSnapshot(storeRoot: string, id: string, { linux }: RuntimeSpec): Promise<number> {
  const [{ openSnapshot }, { hasOwnIds, mountOverlay }] = await Promise.all([
    import('../../snapshot/active.ts'),
    import('../../launch/overlay.ts'),
  ])
  const snapshot = await openSnapshot(storeRoot, id)
  if (!hasOwnIds(linux)) return mountOverlay(snapshot)
  const { mountIdMappedOverlay } = await import('../../launch/idmapped-overlay.ts')
  return mountIdMappedOverlay(linux, snapshot, storeRoot)
}

async function makePlace(storeRoot: string, id: string, owner: string): Promise<void> {
  const { makeContainerDirectory } = await import('../../snapshot/active.ts')
  try {
    await makeContainerDirectory(storeRoot, id, owner)
  } catch (error) {
    // An attempt before this one got as far as here.
    if (!isUtsuwaError(error, 'CONTAINER_EXISTS')) throw error
  }
}
