/** What create and restore begin with: where a container belongs, its plan and its record. Nothing of it exists yet. */
import { openSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { processesOf } from '../cgroup/processes.ts'
import { withHome } from '../engine/files/home.ts'
import { UtsuwaError } from '../errors.ts'
import { readHostFacts } from '../launch/host-facts.ts'
import type { MonitorInput } from '../launch/monitor.ts'
import { ungrantableCapabilities } from '../plan/capabilities.ts'
import { type CompiledPlan, compile } from '../plan/compile.ts'
import { describeOperation } from '../plan/explain.ts'
import type { ProgramStore } from '../seccomp/compile.ts'
import type { RuntimeSpec } from '../spec/runtime.ts'
import { constants } from '../sys/index.ts'
import { isErrno } from '../util/errno.ts'
import { scopedFd } from '../util/scoped-fd.ts'
import { type CgroupManager, type CgroupPlace, placeInCgroups, recordCgroup, requireSystemd } from './cgroup-place.ts'
import { makeNotifyDirectory, withNotifySocket } from './notify.ts'
import {
  addRecord,
  type ContainerRecord,
  checkContainerId,
  containerDirectory,
  containerExists,
  findRecord,
  type LockedContainer,
  type ManagedRecord,
} from './state/record.ts'
import { seccompPrograms } from './state/seccomp-programs.ts'
import { permittedCapabilities } from './state/status.ts'
import { streamNames } from './stream-names.ts'

/** What the first process of a new user namespace has. */
const ALL_CAPABILITIES = 2n ** 64n - 1n

export interface RuntimeCreateOptions {
  /** Directory that holds a directory for each container. */
  readonly stateRoot: string
  readonly id: string
  readonly spec: RuntimeSpec
  /** RFC 3339, for a container that is made anew. Default: now. */
  readonly created?: string
  /** Absolute host path: what relative paths in the spec are relative to. */
  readonly bundlePath: string
  /** Descriptors 0–2 of the container; −1 is /dev/null. Default: the caller's own. */
  readonly stdio?: readonly [number, number, number]
  /** How `start` will speak: over the conversation that this call returns, or from any process over a socket. */
  readonly gate: 'report' | 'socket'
  /** Absolute below the cgroup mount. Default: from linux.cgroupsPath, or beside the caller's own cgroup. */
  readonly cgroupPath?: string
  /** Default: cgroupfs. */
  readonly cgroupManager?: CgroupManager
  /** A detached mount as root file system, instead of root.path. */
  readonly rootfsMountFd?: number
  /** A connected Unix socket that gets the master of the terminal. */
  readonly consoleSocketFd?: number
  /** SIGKILL the container when this process ends. Default: false. */
  readonly endWithLauncher?: boolean
  readonly noPivot?: boolean
  readonly noNewKeyring?: boolean
  readonly preserveFds?: number
  /** Give the container a socket to say on that it is ready, which whoever starts it passes on. Default: false. */
  readonly notify?: boolean
  readonly managed?: ManagedRecord
  /** Makes init the child of a monitor, which is started. */
  readonly monitor?: Omit<MonitorInput, 'cgroupMount'>
  /** The container's directory, where it has been made already; it is let go of, and stays when the creation fails. */
  readonly reserved?: LockedContainer
  /**
   * The record of its last run, in `reserved`, stays until the container is created: it names all that there will be to
   * remove, and a failure changes nothing of what it says. Default: false.
   */
  readonly keepsRecord?: boolean
  /** Kills init; the creation fails then. */
  readonly signal?: AbortSignal
  /** Told of what the specification wants logged: capabilities that cannot be granted, poststop hooks that failed. */
  readonly onWarning?: (warning: unknown) => void
}

export interface PlannedCreation {
  /** With the spec as complete as it will be. */
  readonly options: RuntimeCreateOptions
  readonly plan: CompiledPlan
  readonly record: ContainerRecord
}

/** @throws UtsuwaError INVALID_ARGUMENT, INVALID_SPEC, UNSUPPORTED; CGROUP_ERROR where there are processes in its place */
export function planCreation(asked: RuntimeCreateOptions): PlannedCreation {
  checkContainerId(asked.id)
  const options = { ...asked, spec: completeSpec(asked) }
  warnOfCapabilities(options)
  const host = readHostFacts()
  if (options.cgroupManager === 'systemd') requireSystemd(host)
  const place = placeInCgroups(options, host)
  const planned = { ...options, spec: withHomeInBundle(options) }
  const plan = compilePlan(planned, place, seccompPrograms(options.stateRoot, options.managed))
  const record = newRecord(options, plan, place)
  refusePopulatedCgroup(options, record)
  return { options, plan, record }
}

/** The plan of a container, without making it. */
export function planContainer(options: RuntimeCreateOptions): CompiledPlan {
  return compilePlan(options, placeInCgroups(options, readHostFacts()))
}

/** Makes the container known, and keeps what others will want to know of it. @throws UtsuwaError CONTAINER_EXISTS */
export function claimDirectory(
  { reserved, keepsRecord, stateRoot, spec, notify }: RuntimeCreateOptions,
  record: ContainerRecord,
): LockedContainer {
  if (!keepsRecord) reserved?.write(record)
  const container = reserved ?? addRecord(stateRoot, record)
  try {
    container.writeSpec(spec)
    if (notify) makeNotifyDirectory(container.directory)
    return container
  } catch (error) {
    using _container = container
    if (reserved === undefined) container.remove()
    throw error
  }
}

function warnOfCapabilities({ spec, onWarning }: RuntimeCreateOptions): void {
  const ownUserNamespace = spec.linux?.namespaces?.some(({ type }) => type === 'user') ?? false
  const held = ownUserNamespace ? ALL_CAPABILITIES : permittedCapabilities('self')
  const names = ungrantableCapabilities(spec.process?.capabilities, held)
  if (names.length > 0) onWarning?.(`ignoring unknown or unavailable capabilities: ${names.join(', ')}`)
}

/** From here on the cgroup counts as the container's, to be killed with it; so nobody else may be in it now. */
function refusePopulatedCgroup({ stateRoot, id, reserved }: RuntimeCreateOptions, { cgroup }: ContainerRecord): void {
  if (cgroup === undefined) return
  const path = join(cgroup.mount, cgroup.path)
  if (processesOf(path).length === 0) return
  // Most likely they are those of a container with this id, whose record came before its processes.
  if (reserved === undefined && findRecord(stateRoot, id) !== undefined) throw containerExists(stateRoot, id)
  throw new UtsuwaError('CGROUP_ERROR', 'there are processes in it', { operation: `use cgroup ${path}`, path })
}

/** The spec with what it leaves to the host: where the root file system really is, and the socket of `notify`. */
function completeSpec(options: RuntimeCreateOptions): RuntimeSpec {
  const { stateRoot, id, bundlePath, rootfsMountFd } = options
  const spec = options.notify ? withNotifySocket(options.spec, containerDirectory(stateRoot, id)) : options.spec
  if (spec.root === undefined || rootfsMountFd !== undefined) return spec
  return { ...spec, root: { ...spec.root, path: realPath(resolve(bundlePath, spec.root.path)) } }
}

/** For the plan alone: what is executed later, maybe as another user, gets a HOME of its own. */
function withHomeInBundle({ spec, rootfsMountFd }: RuntimeCreateOptions): RuntimeSpec {
  if (spec.root === undefined || spec.process === undefined || rootfsMountFd !== undefined) return spec
  const { path } = spec.root
  return { ...spec, process: withHome(spec.process, () => scopedFd(openSync(path, constants.O_DIRECTORY))) }
}

/** root.path may be a symbolic link, but move_mount(2) attaches nothing at one. It is the caller's path, not an image's. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    // The plan will say that there is no root file system, and why.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR') || isErrno(error, 'ELOOP')) return path
    throw error
  }
}

function compilePlan(options: RuntimeCreateOptions, place: CgroupPlace, programs?: ProgramStore): CompiledPlan {
  const { id, spec, bundlePath, gate, endWithLauncher, noPivot, noNewKeyring, preserveFds } = options
  return compile({
    id,
    spec,
    bundlePath,
    ...place,
    gate,
    endWithLauncher: endWithLauncher ?? false,
    noPivot: noPivot ?? false,
    noNewKeyring: noNewKeyring ?? false,
    preserveFds: preserveFds ?? 0,
    seccompPrograms: programs,
    ...(options.rootfsMountFd === undefined ? {} : { rootfsMountPoint: options.bundlePath }),
  })
}

function newRecord(
  { id, spec, created, bundlePath, rootfsMountFd, managed, stdio = [0, 1, 2] }: RuntimeCreateOptions,
  plan: CompiledPlan,
  place: CgroupPlace,
): ContainerRecord {
  const rootPath = spec.root?.path ?? ''
  return {
    id,
    ociVersion: spec.ociVersion,
    bundle: bundlePath,
    rootfs: rootfsMountFd !== undefined ? '' : resolve(bundlePath, rootPath),
    created: created ?? new Date().toISOString(),
    annotations: spec.annotations ?? {},
    phase: 'creating',
    pid: 0,
    pidStartTime: 0,
    cgroup: recordCgroup(place),
    ownPidNamespace: spec.linux?.namespaces?.some(({ type, path }) => type === 'pid' && !path) ?? false,
    streams: streamNames(stdio),
    poststart: spec.hooks?.poststart ?? [],
    poststop: spec.hooks?.poststop ?? [],
    startOperations: spec.process === undefined ? [] : describeStart(plan),
    ...(managed === undefined ? {} : { managed }),
  }
}

function describeStart({ join, init }: CompiledPlan): ContainerRecord['startOperations'] {
  const first = init.findIndex(({ op }) => op === 'wait_for_start')
  return init.slice(first).map((operation, index) => ({
    index: join.length + first + index,
    operation: describeOperation(operation),
    pointer: operation.pointer,
  }))
}
