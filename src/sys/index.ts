/**
 * The system calls that Node.js has no function for, typed.
 *
 * Every function acts on what it is given and nothing else, throws `UtsuwaError` with the operation and errno, and may
 * be called from any part of the library. `sys` is the implementation in use; tests put a recording double in its place.
 */
import { errnos } from '../util/errno.ts'
import { createForeignSys, parseLaunchResult } from './ffi.ts'

/** How a process ended, and what it used. */
export interface ProcessExit {
  /** Exit status 0–255; undefined when a signal ended it. */
  readonly exitCode: number | undefined
  /** Signal number. */
  readonly signal: number | undefined
  readonly userMicroseconds: number
  readonly systemMicroseconds: number
}

export interface Launched {
  readonly pid: number
  readonly pidfd: number
  /** CLOCK_MONOTONIC in nanoseconds: the cgroup ready, init executed. */
  readonly cgroupReadyNs: bigint
  readonly executedNs: bigint
}

/** Which host operation failed, so that the caller can say where it came from. */
export interface LaunchFailure {
  readonly index: number
  readonly errno: number
  readonly detail: string
  readonly cgroupCreated: boolean
}

export interface Message {
  readonly data: Buffer
  /** A descriptor that came with it (SCM_RIGHTS). */
  readonly fd: number | undefined
}

/** When `sampleFiles` reads how many descriptors. */
export interface SampleSeries {
  readonly count: number
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly startNs: number
  readonly intervalNs: number
  /** Bytes of the buffer that the files of one time may take. */
  readonly room: number
}

/** A descriptor under observation by the event loop. */
export interface Watch {
  /** Stops observing; the descriptor may be closed right after. */
  close(): void
  ref(): void
  unref(): void
}

export interface Sys {
  /**
   * Carries out the host stage of a plan, in another thread, and gives back native init, running. The descriptors must
   * stay open until then.
   * @param fds init's executable, then what becomes descriptors 0, 1, 2, … of the new process; −1 is /dev/null
   * @param planFd the number among those under which the new process finds its plan
   */
  launch(hostStage: Uint8Array, fds: readonly number[], planFd: number): Promise<Launched | LaunchFailure>
  /** Carries out those operations of a host stage that concern a cgroup, for one that exists outside a launch. */
  setUpCgroup(operations: Uint8Array): LaunchFailure | undefined
  /** A sealed, read-only memfd with this content. */
  sealedMemfd(name: string, content: Uint8Array): number
  /** openat2(2); `resolve` is RESOLVE_* of `constants`. */
  openat2(dirFd: number, path: string, flags: number, mode: number, resolve: number): number
  /** flock(2): LOCK_*; false when LOCK_NB found it taken. */
  flock(fd: number, operation: number): boolean
  openTree(dirFd: number, path: string, flags: number): number
  /** Attaches the detached mount behind `fd` at a path. */
  moveMount(fd: number, path: string): void
  /** Gives the tree of mounts behind `fd` the ids of a user namespace; all of it, or its top alone. */
  idmapMount(fd: number, userNamespaceFd: number, recursive: boolean): void
  /** A user namespace with these maps (lines of `inside outside length`) and nobody in it. */
  userNamespace(uidMap: string, gidMap: string): number
  /** A detached mount of a new file system: fsopen, fsconfig for each option, fsmount. */
  mountDetached(type: string, options: readonly (readonly [string, string])[], attributes: number): number
  mount(source: string, target: string, type: string, flags: number, data: string): void
  umount(target: string, flags: number): void
  /** ioctl_nsfs(2), NS_GET_USERNS: a descriptor of the user namespace that owns one, or that is the parent of a user namespace. */
  ownerOfNamespace(fd: number): number
  pidfdOpen(pid: number): number
  /** False when the process has ended. */
  pidfdSendSignal(pidfd: number, signal: number): boolean
  /** Reaps the child behind a pidfd; undefined while it runs. */
  pidfdWait(pidfd: number): ProcessExit | undefined
  /** Reaps the children in a process group that have ended; false while others are left. */
  reapGroup(group: number): boolean
  socketpair(type: 'stream' | 'seqpacket'): [number, number]
  /** [read end, write end] */
  pipe(): [number, number]
  /** A Unix socket `name` in an open directory, listening or, for datagrams, bound. */
  listen(type: 'stream' | 'datagram' | 'seqpacket', dirFd: number, name: string): number
  connect(type: 'stream' | 'datagram' | 'seqpacket', path: string): number
  /** A socket of rtnetlink(7) in the caller's network namespace. */
  routeSocket(): number
  /** Undefined when there is nothing to receive yet; empty data at the end. */
  receive(socket: number): Message | undefined
  send(socket: number, data: Uint8Array, fd?: number): void
  setTerminalSize(fd: number, columns: number, rows: number): void
  /** syncfs(2) in another thread: resolves when all of the file system is on disk, fails with what failed since `fd` was opened. */
  syncFileSystem(fd: number): Promise<void>
  /** Clears ONLCR: a line feed written to the terminal comes out alone, without a carriage return. */
  keepLineFeeds(fd: number): void
  /**
   * Reads small files from their beginning, one behind the other into `buffer`, in one call.
   * @param results gets for each descriptor the size of what was read, or −errno
   */
  readFiles(fds: Int32Array, results: Int32Array, buffer: Uint8Array): void
  /**
   * The same several times, at an interval, in another thread: so often as there is room in `atNs`, or until `control[0]` is
   * not 0, or less than `room` bytes are left in the buffer. The descriptors must stay open until then.
   * @param control the word that stops it, the descriptors, and room for as many results for each time
   * @param atNs gets CLOCK_MONOTONIC of each time
   * @returns how often it was
   */
  sampleFiles(control: Int32Array, atNs: BigUint64Array, buffer: Uint8Array, series: SampleSeries): Promise<number>
  /** Calls back each time `fd` is readable or hung up. */
  watch(fd: number, callback: () => void): Watch
}

export const constants = {
  LOCK_SH: 1,
  LOCK_EX: 2,
  LOCK_NB: 4,
  LOCK_UN: 8,
  O_RDONLY: 0,
  O_NONBLOCK: 0o4000,
  O_DIRECTORY: 0o200000,
  O_PATH: 0o10000000,
  O_CLOEXEC: 0o2000000,
  RESOLVE_NO_XDEV: 1,
  RESOLVE_NO_MAGICLINKS: 2,
  RESOLVE_NO_SYMLINKS: 4,
  RESOLVE_BENEATH: 8,
  RESOLVE_IN_ROOT: 16,
  OPEN_TREE_CLONE: 1,
  AT_FDCWD: -100,
  AT_RECURSIVE: 0x8000,
  MNT_DETACH: 2,
} as const

export const sys: Sys = createForeignSys()

/** True where a launch did not come about. */
export function isLaunchFailure(result: Launched | LaunchFailure): result is LaunchFailure {
  return 'errno' in result
}

export { errnos, parseLaunchResult }
