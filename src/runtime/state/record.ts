/**
 * What is known of a container between commands: a directory below the state root, with `state.json` in it.
 *
 * The directory appears by a rename, with the record already in it, and before anything else of the container exists; so
 * whoever is killed at any moment leaves either nothing or a record that names what there is to remove. A lock (flock,
 * which the kernel frees with its holder) on the directory is held while a container is created, started or deleted.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CommandFailure, UtsuwaError } from '../../errors.ts'
import type { ExtraHost } from '../../options/network.ts'
import type { PortRequest } from '../../options/ports.ts'
import { parseJson, stringifyJson } from '../../spec/json.ts'
import type { Hook, LinuxNamespaceType, RuntimeSpec } from '../../spec/runtime.ts'
import { constants, sys } from '../../sys/index.ts'
import { isErrno } from '../../util/errno.ts'
import { readIfThere } from '../../util/read-if-there.ts'
import { inRoom } from '../../util/room.ts'
import { sleep } from '../../util/sleep.ts'
import { replaceFile, reserveSpare } from './whole-files.ts'

export interface ContainerRecord {
  readonly id: string
  readonly ociVersion: string
  /** Absolute host path. */
  readonly bundle: string
  /** Host path of the root file system; '' when it is a detached mount. */
  readonly rootfs: string
  /** RFC 3339, UTC. */
  readonly created: string
  readonly annotations: Readonly<Record<string, string>>
  /** `creating` until init waits for the start. */
  readonly phase: 'creating' | 'created'
  /** In the PID namespace of whoever created it; 0 until it exists. */
  readonly pid: number
  /** Field 22 of /proc/PID/stat: tells the process from a later one with the same number. */
  readonly pidStartTime: number
  /** `unit` is that of systemd, where systemd has made the cgroup. */
  readonly cgroup: { readonly mount: string; readonly path: string; readonly unit?: string } | undefined
  /** False when the container shares a PID namespace: its processes then do not die with init. */
  readonly ownPidNamespace: boolean
  /** Names of the standard streams that its first process was given: stream-names.ts. */
  readonly streams: readonly string[]
  readonly poststart: readonly Hook[]
  readonly poststop: readonly Hook[]
  /** The operations from `wait_for_start` on, by index in the plan, so that a start can explain its failure. */
  readonly startOperations: readonly { readonly index: number; readonly operation: string; readonly pointer: string }[]
  /** What `outOfMemoryAbove` of src/cgroup/levels.ts said when it was made; absent for `utsuwa-oci`. */
  readonly outOfMemoryAbove?: Readonly<Record<string, number>>
  /** What `utsuwa` itself keeps beside what the runtime specification knows. */
  readonly managed?: ManagedRecord
  /** Of a container that outlives its creator, the parent of its first process; absent until it exists. */
  readonly monitor?: { readonly pid: number; readonly pidStartTime: number }
  /** When the command was executed, RFC 3339; absent before, and for `utsuwa-oci`. */
  readonly started?: string
}

/** A container made from an image or a directory by the library or by `utsuwa`. */
export interface ManagedRecord {
  readonly name: string | undefined
  /** Full reference of the image; undefined for a plain directory. */
  readonly image: string | undefined
  readonly command: readonly string[]
  /** Those of the image, and those that it was created with. */
  readonly labels?: Readonly<Record<string, string>>
  /** Seconds between the stop signal and SIGKILL; negative: never. */
  readonly stopTimeout?: number
  /** Store that holds its snapshot; undefined when it has none. */
  readonly storeRoot: string | undefined
  readonly removeOnExit: boolean
  /** The first of the ids of the host that its user namespace has for itself; absent where its ids are the host's. */
  readonly firstUserId?: number
  readonly volumes?: VolumesOfContainer
  /** Absent where it has nothing but loopback, and the image's own files of names. */
  readonly network?: NetworkRecord
  /** Containers whose namespaces it shares, to be found again when it is started again. */
  readonly joins?: Joins
  readonly exit?: { readonly exitCode: number; readonly oom: boolean; readonly finished: string }
  /** Why its command could not be executed when it was started last. */
  readonly startFailure?: StartFailure
  /** Restarts by its policy that have failed since it ended, and why the last one did. */
  readonly failedRestarts?: { readonly attempts: number; readonly last: StartFailure }
  /** Of a container that outlives its creator. */
  readonly detached?: DetachedRecord
}

/** Ids of containers whose namespaces are joined, by the type of the namespace. */
export type Joins = Readonly<Partial<Record<LinuxNamespaceType, string>>>

/** What a record keeps of what was asked, so that it can be done again at a restart. */
export interface NetworkRecord {
  /** Store that the network is in. */
  readonly root: string
  /** Name of the network; undefined for none, the host's and another container's. */
  readonly network?: string
  /** Id of the container whose network it shares. */
  readonly container?: string
  readonly ports: readonly PortRequest[]
  readonly ip?: string
  readonly macAddress?: string
  readonly aliases: readonly string[]
  readonly extraHosts: readonly ExtraHost[]
}

/** That a container mounts a volume. */
export interface VolumeUse {
  readonly name: string
  /** Container path. */
  readonly destination: string
  /** Made for this container, and removed with it where that is asked for. */
  readonly anonymous: boolean
}

/** What a record keeps of a container's volumes. */
export interface VolumesOfContainer {
  /** Store that they are in. */
  readonly root: string
  readonly uses: readonly VolumeUse[]
}

/** The parts of an error that outlive it. */
export interface StartFailure {
  /** RFC 3339, UTC. */
  readonly time: string
  /** An UtsuwaErrorCode, or the code of another error. */
  readonly code: string
  readonly message: string
  readonly failure?: CommandFailure
  readonly hint?: string
}

/** What a monitor is told, and told again when the container is started once more. */
export interface DetachedRecord {
  /** Store with the container's own directory, which has its log. */
  readonly storeRoot: string
  readonly terminal: boolean
  /** `once`: its standard input ends with that of the first who is attached. */
  readonly stdin: 'none' | 'open' | 'once'
  readonly log: LogOptions & { readonly maxSize: number; readonly maxFiles: number }
  readonly restart: RestartPolicy
  /** How often the policy has restarted it since somebody started it. */
  readonly restarts: number
  /** Milliseconds to wait before the next restart. */
  readonly restartDelay: number
}

/** How much of what a container prints is kept. */
export interface LogOptions {
  /** Nothing is kept. Default: false. */
  readonly disabled?: boolean
  /** Bytes, or text such as `10MiB`, after which a new file begins; 0: never. Default: 10 MiB. */
  readonly maxSize?: number | string
  /** Files that are kept, at least 1. Default: 3. */
  readonly maxFiles?: number
}

/**
 * Whether a container is started again when it has ended, unless somebody has stopped it. `always` and
 * `unless-stopped` hold across a boot; `always` also for one that was stopped.
 */
export interface RestartPolicy {
  readonly name: 'no' | 'on-failure' | 'always' | 'unless-stopped'
  /** Of `on-failure`: give up after so many. Default: never. */
  readonly maxRetries?: number
}

const STATE_FILE = 'state.json'
const SPEC_FILE = 'spec.json'
/** Bytes. Records take 2 to 5 KiB. */
const SPARE_RECORD_SIZE = 16 * 1024
const TEMPORARY_PREFIX = '.new-'
const LOCK_POLL_MS = 5
const LOCK_TIMEOUT_MS = 30_000

/** Among the containers of an OCI runtime, and no container's name. */
export const SECCOMP_DIRECTORY = '.seccomp'

export const startSocketName = 'start.sock'
/** Where the root file system of an image is attached, in the container's mount namespace alone. */
export const ROOTFS_MOUNT_POINT = 'rootfs'

export function containerDirectory(stateRoot: string, id: string): string {
  return join(stateRoot, id)
}

/** @throws UtsuwaError INVALID_ARGUMENT */
export function checkContainerId(id: string): void {
  const taken = id === '.' || id === '..' || id === SECCOMP_DIRECTORY || id.startsWith(TEMPORARY_PREFIX)
  if (id.length > 1024 || !/^[\w+.-]+$/.test(id) || taken)
    throw new UtsuwaError('INVALID_ARGUMENT', `invalid container id format: ${JSON.stringify(id)}`)
}

/** A container's directory, locked. */
export class LockedContainer implements Disposable {
  readonly directory: string
  readonly #fd: number
  #open = true

  constructor(directory: string, fd: number) {
    this.directory = directory
    this.#fd = fd
  }

  /** @throws UtsuwaError NO_SPACE */
  write(record: ContainerRecord): void {
    replaceFile(join(this.directory, STATE_FILE), JSON.stringify(record))
  }

  /** From now on there is room for the record as it will be at the end. @throws UtsuwaError NO_SPACE */
  reserveWrite(): void {
    reserveSpare(join(this.directory, STATE_FILE), SPARE_RECORD_SIZE)
  }

  /** Keeps the runtime spec as it is now: the bundle may change while the container lives. @throws UtsuwaError NO_SPACE */
  writeSpec(spec: RuntimeSpec): void {
    replaceFile(join(this.directory, SPEC_FILE), stringifyJson(spec))
  }

  /**
   * Removes the directory: the container is no longer known. It goes under a temporary name first, so that a caller who
   * is killed meanwhile does not leave half of it under the id.
   */
  remove(): void {
    const temporary = temporaryPath(dirname(this.directory))
    try {
      renameSync(this.directory, temporary)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return
      throw error
    }
    // Its monitor, on its way out, may put one more file into it.
    rmSync(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 })
  }

  /** Descriptor of the directory. */
  get fd(): number {
    return this.#fd
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }
}

/**
 * Makes a container known under its id.
 * @returns its directory, locked
 * @throws UtsuwaError CONTAINER_EXISTS
 */
export function addRecord(stateRoot: string, record: ContainerRecord): LockedContainer {
  inRoom(stateRoot, () => mkdirSync(stateRoot, { recursive: true, mode: 0o711 }))
  collectLeftovers(stateRoot)
  const directory = containerDirectory(stateRoot, record.id)
  const temporary = makeTemporary(stateRoot)
  try {
    temporary.write(record)
    renameSync(temporary.directory, directory)
  } catch (cause) {
    temporary[Symbol.dispose]()
    rmSync(temporary.directory, { recursive: true, force: true })
    if (!isErrno(cause, 'ENOTEMPTY') && !isErrno(cause, 'EEXIST')) throw cause
    throw containerExists(stateRoot, record.id)
  }
  return new LockedContainer(directory, temporary.fd)
}

/** Another caller may take a new directory for a leftover before it is locked; once locked, it stays. */
function makeTemporary(stateRoot: string): LockedContainer {
  for (;;) {
    const path = temporaryPath(stateRoot)
    inRoom(path, () => mkdirSync(path, { mode: 0o711 }))
    const fd = openDirectory(path)
    if (fd === undefined) continue
    sys.flock(fd, constants.LOCK_EX)
    if (existsSync(path)) return new LockedContainer(path, fd)
    closeSync(fd)
  }
}

/** Used by nobody else: no two processes are at one number at one nanosecond. */
function temporaryPath(stateRoot: string): string {
  return join(stateRoot, `${TEMPORARY_PREFIX}${process.pid}-${process.hrtime.bigint()}`)
}

/** A record for a container of which nothing exists yet. */
export function emptyRecord(id: string, managed: ManagedRecord): ContainerRecord {
  return {
    id,
    ociVersion: '',
    bundle: '',
    rootfs: '',
    created: new Date().toISOString(),
    annotations: {},
    phase: 'creating',
    pid: 0,
    pidStartTime: 0,
    cgroup: undefined,
    ownPidNamespace: true,
    streams: [],
    poststart: [],
    poststop: [],
    startOperations: [],
    managed,
  }
}

export function containerExists(stateRoot: string, id: string): UtsuwaError {
  return new UtsuwaError('CONTAINER_EXISTS', 'container with given ID already exists', {
    operation: `create container ${id}`,
    path: containerDirectory(stateRoot, id),
  })
}

/** Removes directories of callers that were killed before the rename: their locks are free. */
export function collectLeftovers(stateRoot: string): void {
  for (const name of entriesOf(stateRoot)) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue
    const path = join(stateRoot, name)
    const fd = openDirectory(path)
    if (fd === undefined) continue
    if (sys.flock(fd, constants.LOCK_EX | constants.LOCK_NB)) rmSync(path, { recursive: true, force: true })
    closeSync(fd)
  }
}

function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_DIRECTORY)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

export function findRecord(stateRoot: string, id: string): ContainerRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(containerDirectory(stateRoot, id), STATE_FILE), 'utf8')) as ContainerRecord
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

export function hasRecord(stateRoot: string, id: string): boolean {
  return existsSync(join(containerDirectory(stateRoot, id), STATE_FILE))
}

/** @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT */
export function readRecord(stateRoot: string, id: string): ContainerRecord {
  checkContainerId(id)
  return findRecord(stateRoot, id) ?? notFound(id)
}

/**
 * The runtime spec that the container was created from.
 * @throws UtsuwaError CONTAINER_NOT_FOUND when it was removed meanwhile, CONTAINER_STATE before it is created
 */
export function readSpec(stateRoot: string, id: string): RuntimeSpec {
  const path = join(containerDirectory(stateRoot, id), SPEC_FILE)
  const text = readIfThere(path)
  if (text !== undefined) return parseJson(text, path) as RuntimeSpec
  if (findRecord(stateRoot, id) === undefined) return notFound(id)
  throw new UtsuwaError('CONTAINER_STATE', 'it has not been created yet', {
    operation: `read the spec of container ${id}`,
  })
}

function notFound(id: string): never {
  // runc's words at the end: engines and people look for them.
  throw new UtsuwaError('CONTAINER_NOT_FOUND', 'container does not exist', {
    operation: `find container ${id}`,
    path: id,
  })
}

/** All records, by id. */
export function listRecords(stateRoot: string): ContainerRecord[] {
  return entriesOf(stateRoot)
    .filter(name => !name.startsWith(TEMPORARY_PREFIX))
    .sort()
    .flatMap(name => findRecord(stateRoot, name) ?? [])
}

function entriesOf(stateRoot: string): string[] {
  try {
    return readdirSync(stateRoot)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** True while somebody creates, starts or deletes the container. */
export function isLocked(stateRoot: string, id: string): boolean {
  const fd = openDirectory(containerDirectory(stateRoot, id))
  if (fd === undefined) return false
  const free = sys.flock(fd, constants.LOCK_SH | constants.LOCK_NB)
  closeSync(fd)
  return !free
}

/** Undefined while somebody else has it, and when it is gone. */
export function tryLockContainer(stateRoot: string, id: string): LockedContainer | undefined {
  const directory = containerDirectory(stateRoot, id)
  const fd = openDirectory(directory)
  if (fd === undefined) return undefined
  if (sys.flock(fd, constants.LOCK_EX | constants.LOCK_NB)) return new LockedContainer(directory, fd)
  closeSync(fd)
  return undefined
}

/**
 * Locks a container that exists, waiting for whoever holds it.
 * @throws UtsuwaError CONTAINER_NOT_FOUND, also when it is deleted meanwhile; TIMEOUT after 30 s
 */
export async function lockContainer(stateRoot: string, id: string): Promise<LockedContainer> {
  checkContainerId(id)
  const directory = containerDirectory(stateRoot, id)
  for (const deadline = Date.now() + LOCK_TIMEOUT_MS; Date.now() < deadline; await sleep(LOCK_POLL_MS)) {
    const fd = openDirectory(directory)
    if (fd === undefined) return notFound(id)
    if (!sys.flock(fd, constants.LOCK_EX | constants.LOCK_NB)) closeSync(fd)
    else if (findRecord(stateRoot, id) !== undefined) return new LockedContainer(directory, fd)
    else {
      closeSync(fd) // deleted between the open and the lock
      return notFound(id)
    }
  }
  throw new UtsuwaError('TIMEOUT', 'another command has held it for 30 s', { operation: `lock container ${id}` })
}
