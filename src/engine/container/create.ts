/** `create`: a container from an image, a directory, a bundle or a spec, in the hands of a program. */

import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import { chooseNetwork, hasNetworkFiles } from '../../options/network.ts'
import type { ContainerOptions } from '../../options/options.ts'
import { hostnameOf } from '../../options/runtime-spec.ts'
import { checkUserNamespace } from '../../options/user-namespace.ts'
import type { CompiledPlan } from '../../plan/compile.ts'
import { create as createProcess } from '../../runtime/create.ts'
import { planContainer } from '../../runtime/plan-creation.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { claimName, containersDirectory } from '../../runtime/state/names.ts'
import {
  addRecord,
  type ContainerRecord,
  emptyRecord,
  findRecord,
  type LockedContainer,
  type ManagedRecord,
  ROOTFS_MOUNT_POINT,
} from '../../runtime/state/record.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import type { Mount, RuntimeSpec } from '../../spec/runtime.ts'
import { orAborted, throwIfAborted } from '../../util/aborted.ts'
import { nextTurn } from '../../util/next-turn.ts'
import { inRoom } from '../../util/room.ts'
import { removeManaged } from '../by-name/remove.ts'
import { openNamespaces } from '../connect/joined-namespaces.ts'
import type { NetworkInput, PreparedNetwork } from '../connect/network.ts'
import { type KeepOptions, keepsUnstarted, keepUnlaunched } from '../end/keep-ended.ts'
import { type CpuTimeoutOptions, checkTimeouts } from '../end/timeouts.ts'
import type { Files } from '../files/files.ts'
import { type DetachedContainerOptions, detachedRecord, openMonitorStreams } from '../monitor/detached.ts'
import { openStdio, type StdioOptions } from '../streams/stdio.ts'
import { Container } from './container.ts'
import { type ContainerSource, type Prepared, prepare, prepareForPlan } from './prepare.ts'
import { fromMonotonic, type Marks, noMarks } from './timeline.ts'

/** Options of `create`: a source, what is asked of the container, and where things are kept. */
export interface CreateOptions
  extends ContainerSource,
    ContainerOptions,
    Roots,
    StdioOptions,
    CpuTimeoutOptions,
    DetachedContainerOptions,
    KeepOptions {
  /** With `terminal`: a connected Unix socket that gets the terminal's master, with its name as the message. */
  readonly consoleSocketFd?: number
  /** How many of this process's descriptors from 3 on the command inherits. Default: 0. */
  readonly preserveFds?: number
  /**
   * Written into its root file system before anything runs in it, by path in the container: in its own layer for an
   * image, and for the other sources in the directory itself. What is mounted on top hides them; `copyIn` writes there.
   */
  readonly files?: Files
  /**
   * Gets the runtime spec as it would be used, and gives the one that is.
   * @example editSpec: spec => ({ ...spec, hostname: 'vessel' })
   */
  readonly editSpec?: (spec: RuntimeSpec) => RuntimeSpec
}

/**
 * Makes a container from an image, a directory, a bundle or a runtime spec, up to the moment before its command runs.
 * It ends with this process, unless it is `detached`.
 *
 * @throws UtsuwaError; nothing of the container is left then, unless it is kept by `keepUnstarted`
 */
export async function create(options: CreateOptions): Promise<Container> {
  const { root: storeRoot = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT, signal } = options
  throwIfAborted(signal)
  checkTimeouts(options)
  const marks: Marks = { ...noMarks, begin: performance.now() }
  const id = randomBytes(32).toString('hex')
  const stateRoot = containersDirectory(runRoot)
  checkUserIds(options)
  const described = describe(options, storeRoot)
  const reserved = addRecord(stateRoot, emptyRecord(id, described))
  try {
    if (options.name !== undefined) claimName(runRoot, options.name, id)
    const managed = options.userns === 'auto' ? await withUserIds(runRoot, id, described, reserved) : described
    const to = { id, stateRoot, runRoot, storeRoot, managed, marks, reserved }
    return await orAborted(signal, () => build(options, to))
  } catch (error) {
    reserved[Symbol.dispose]()
    if (findRecord(stateRoot, id)?.managed?.startFailure !== undefined) throw error
    // `ps` removes what cannot be removed now; what the caller has to hear is why there is no container.
    await removeManaged(runRoot, id, described.name, { force: true, volumes: true }).catch(() => undefined)
    throw error
  }
}

function describe(options: CreateOptions, storeRoot: string): ManagedRecord {
  return {
    name: options.name,
    image: typeof options.image === 'object' ? options.image.reference : options.image,
    command: options.args ?? [],
    storeRoot: options.image === undefined ? undefined : storeRoot,
    removeOnExit: options.removeOnExit ?? false,
    ...(options.stopTimeout === undefined ? {} : { stopTimeout: options.stopTimeout }),
    ...(options.detached ? { detached: detachedRecord(options, options.terminal ?? false, storeRoot) } : {}),
  }
}

function checkUserIds(options: CreateOptions): void {
  checkUserNamespace(options)
  if (options.userns === 'auto' && options.image === undefined)
    throw new UtsuwaError('UNSUPPORTED', 'files that are not an image belong to the ids of the host', {
      operation: 'set --userns',
      hint: 'import the directory as an image: tar -c . | utsuwa import - NAME',
    })
}

/** Loaded when needed. */
async function withUserIds(
  runRoot: string,
  id: string,
  described: ManagedRecord,
  reserved: LockedContainer,
): Promise<ManagedRecord> {
  const { claimUserIds } = await import('../../runtime/state/user-ids.ts')
  const managed = { ...described, firstUserId: claimUserIds(runRoot, id) }
  reserved.write(emptyRecord(id, managed))
  return managed
}

interface Build {
  readonly id: string
  readonly stateRoot: string
  readonly runRoot: string
  readonly storeRoot: string
  readonly managed: ManagedRecord
  readonly marks: Marks
  readonly reserved: LockedContainer
}

async function build(options: CreateOptions, build: Build): Promise<Container> {
  const { id, stateRoot, runRoot, storeRoot, managed, marks, reserved } = build
  const mountPoint = join(reserved.directory, ROOTFS_MOUNT_POINT)
  // Searchable, as what is above it, for who attaches to it has the ids of the container.
  inRoom(mountPoint, () => mkdirSync(mountPoint, { mode: 0o711 }))
  if (!managed.removeOnExit) reserved.reserveWrite()
  using joined = openNamespaces(options, { runRoot })
  const network = await networkOf(options, {
    root: storeRoot,
    runRoot,
    directory: reserved.directory,
    hostname: hostnameOf(id),
  })
  let kept: ManagedRecord = {
    ...managed,
    ...(network && { network: network.record }),
    ...(Object.keys(joined.joins).length > 0 && { joins: joined.joins }),
  }
  using prepared = await prepare({
    id,
    source: options,
    options,
    storeRoot,
    joinedNamespaces: joined.paths,
    mountPoint,
    firstUserId: managed.firstUserId,
    ...(network && { network }),
    attachVolumes: async (mounts, imageRootFd) => {
      const { attachVolumes } = await import('../connect/volumes.ts')
      return attachVolumes({
        root: storeRoot,
        mounts,
        onUse: volumes => {
          kept = { ...kept, volumes }
          reserved.write(emptyRecord(id, kept))
        },
        ...(imageRootFd === undefined ? {} : { imageRootFd }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
    },
  })
  await nextTurn()
  throwIfAborted(options.signal)
  const { process: command } = prepared.spec
  const detached = managed.detached && { ...managed.detached, terminal: command?.terminal ?? false }
  using streams = await openStdio(options.terminal || detached ? { stdio: 'ignore' } : options)
  if (detached !== undefined && options.image === undefined) await makePlace(storeRoot, id, reserved.directory)
  using monitored = detached && openMonitorStreams(id, reserved, runRoot, detached)
  const consoleSocketFd = monitored?.consoleSocketFd ?? options.consoleSocketFd
  marks.prepared = performance.now()
  const { record, init, launchingNs, readyNs } = await createProcess({
    stateRoot,
    id,
    spec: prepared.spec,
    bundlePath: prepared.bundlePath,
    ...(monitored === undefined
      ? { stdio: streams.fds, gate: 'report', endWithLauncher: true }
      : { stdio: monitored.stdio, gate: 'socket', monitor: monitored.monitor }),
    managed: {
      ...kept,
      image: prepared.image,
      command: command?.args ?? [],
      ...(detached === undefined ? {} : { detached }),
      ...labelsOf(prepared, options),
    },
    reserved,
    ...(prepared.rootfsMountFd === undefined ? {} : { rootfsMountFd: prepared.rootfsMountFd }),
    ...(consoleSocketFd === undefined ? {} : { consoleSocketFd }),
    ...(options.preserveFds === undefined ? {} : { preserveFds: options.preserveFds }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).catch((error: unknown) => {
    streams.close()
    if (keepsUnstarted(options)) keepUnlaunched(build, error)
    throw error
  })
  // Its start goes by a socket that everybody can find.
  if (detached !== undefined) init.close()
  const { cgroupReadyNs, executedNs } = init.launched
  marks.launching = fromMonotonic(launchingNs)
  marks.cgroupReady = fromMonotonic(cgroupReadyNs)
  marks.initExecuted = fromMonotonic(executedNs)
  marks.ready = fromMonotonic(readyNs)
  marks.created = performance.now()
  if (detached !== undefined) await keepAcrossBoot(stateRoot, record, prepared.spec)
  appendEvent(runRoot, 'create', record)
  return new Container(record, init, streams, {
    spec: prepared.spec,
    stateRoot,
    runRoot,
    marks,
    options,
  })
}

/** Loaded when needed: most containers of programs have nothing but loopback. A bundle and a spec say all by themselves. */
async function networkOf(
  options: CreateOptions,
  input: NetworkInput,
  { plan = false } = {},
): Promise<PreparedNetwork | undefined> {
  if (options.bundle !== undefined || options.spec !== undefined) return undefined
  if (!hasNetworkFiles(options)) return void chooseNetwork(options)
  const { planNetwork, prepareNetwork } = await import('../connect/network.ts')
  return plan ? planNetwork(options, input) : prepareNetwork(options, input)
}

/** Where volumes lie, or would if they were made. */
async function plannedPaths(root: string, mounts: readonly Mount[]): Promise<Map<string, string>> {
  const { mountpointOf } = await import('../../volume/store.ts')
  return new Map(mounts.map(({ destination, source = 'VOLUME' }) => [destination, mountpointOf(root, source)]))
}

/** The image's, and over them those that were asked for. */
function labelsOf({ imageLabels }: Prepared, options: CreateOptions): Pick<ManagedRecord, 'labels'> {
  const labels = { ...imageLabels, ...options.labels }
  return Object.keys(labels).length === 0 ? {} : { labels }
}

/** Loaded when needed. */
async function keepAcrossBoot(stateRoot: string, record: ContainerRecord, spec: RuntimeSpec): Promise<void> {
  const { keepForBoot } = await import('../../runtime/state/keep-for-boot.ts')
  keepForBoot(stateRoot, record, spec)
}

async function makePlace(storeRoot: string, id: string, owner: string): Promise<void> {
  const { makeContainerDirectory } = await import('../../snapshot/active.ts')
  await makeContainerDirectory(storeRoot, id, owner)
}

/** The kernel operations of a container, without making it. Needs no privileges for a directory or a bundle. */
export async function planOf(options: CreateOptions): Promise<CompiledPlan> {
  const { root: storeRoot = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT } = options
  checkUserIds(options)
  const id = options.name ?? 'ID'
  const mountPoint = join(containersDirectory(runRoot), id, ROOTFS_MOUNT_POINT)
  using joined = openNamespaces(options, options)
  const network = await networkOf(
    options,
    { root: storeRoot, runRoot, directory: dirname(mountPoint), hostname: hostnameOf(id) },
    { plan: true },
  )
  using prepared = await prepareForPlan({
    id,
    source: options,
    options,
    storeRoot,
    joinedNamespaces: joined.paths,
    mountPoint,
    firstUserId:
      options.userns === 'auto' ? (await import('../../runtime/state/user-ids.ts')).PLANNED_USER_IDS : undefined,
    ...(network && { network }),
    attachVolumes: mounts => plannedPaths(storeRoot, mounts),
  })
  return planContainer({
    stateRoot: '',
    id,
    spec: prepared.spec,
    bundlePath: prepared.bundlePath,
    gate: 'report',
    ...(prepared.rootfsMountFd === undefined ? {} : { rootfsMountFd: prepared.rootfsMountFd }),
  })
}
