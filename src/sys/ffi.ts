/**
 * The typed system calls by way of native/libutsuwa: the only place that loads native code.
 *
 * It goes through a thin Node-API addon (docs/adr/0001-ffi-boundary.md says why, and what would change that). Struct
 * offsets used here are asserted by the compiler in native/libutsuwa.c.
 */
import { closeSync } from 'node:fs'
import { UtsuwaError } from '../errors.ts'
import { errnos } from '../util/errno.ts'
import type { Launched, LaunchFailure, Message, ProcessExit, Sys, Watch } from './index.ts'
import { nativePath } from './native-path.ts'

/** libutsuwa as any foreign function interface sees it: numbers, strings and buffers in, a value or −errno out. */
interface LibUtsuwa {
  launch(hostStage: Uint8Array, fds: Uint8Array, planFd: number, result: Uint8Array): Promise<number> | number
  setUpCgroup(operations: Uint8Array, result: Uint8Array): number
  sealedMemfd(name: string, content: Uint8Array): number
  openat2(dirFd: number, path: string, flags: number, mode: number, resolve: number): number
  flock(fd: number, operation: number): number
  openTree(dirFd: number, path: string, flags: number): number
  moveMount(mount: number, path: string): number
  mountSetattr(mount: number, flags: number, set: number, clear: number, propagation: number, userns: number): number
  userNamespace(uidMap: string, gidMap: string): number
  fsopen(type: string): number
  fsconfig(fs: number, command: number, key: string, value: string, aux: number): number
  fsmount(fs: number, attributes: number): number
  mount(source: string, target: string, type: string, flags: number, data: string): number
  umount2(target: string, flags: number): number
  ownerOfNamespace(fd: number): number
  pidfdOpen(pid: number): number
  pidfdSendSignal(pidfd: number, signal: number): number
  pidfdWait(pidfd: number, exit: Uint8Array): number
  reapGroup(group: number): number
  socketpair(type: number, fds: Uint8Array): number
  pipe(fds: Uint8Array): number
  listen(type: number, dirFd: number, name: string): number
  connect(type: number, path: string): number
  routeSocket(): number
  receive(socket: number, buffer: Uint8Array, fd: Uint8Array): number
  send(socket: number, data: Uint8Array, fd: number): number
  setTerminalSize(fd: number, columns: number, rows: number): number
  syncfs(fd: number): Promise<number> | number
  keepLineFeeds(fd: number): number
  readFiles(fds: Int32Array, results: Int32Array, buffer: Uint8Array): number
  sampleFiles(
    control: Int32Array,
    atNs: BigUint64Array,
    buffer: Uint8Array,
    count: number,
    startNs: number,
    intervalNs: number,
    room: number,
  ): Promise<number> | number
  watch(fd: number, callback: () => void): object | number
  unwatch(watch: object): number
  ref(watch: object, keep: number): number
}

const FSCONFIG_SET_FLAG = 0
const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6
const AT_RECURSIVE = 0x8000
const MOUNT_ATTR_IDMAP = 0x100000
const socketTypes = { stream: 1, datagram: 2, seqpacket: 5 } as const
const LAUNCH_RESULT_SIZE = 288
const LAUNCH_DETAIL_OFFSET = 32
const EXIT_SIZE = 24
/** The largest datagram that init sends or a hook's state fills. */
const RECEIVE_SIZE = 256 * 1024

function load(): LibUtsuwa {
  const loaded = { exports: {} as LibUtsuwa }
  process.dlopen(loaded, nativePath('utsuwa.node'))
  return loaded.exports
}

function failed(operation: string, result: number, path?: string): UtsuwaError {
  const errno = -result
  const code =
    errno === errnos.ENOSPC || errno === errnos.EDQUOT
      ? 'NO_SPACE'
      : errno === errnos.ENOSYS
        ? 'UNSUPPORTED'
        : 'KERNEL_OPERATION_FAILED'
  return new UtsuwaError(code, undefined, { operation, errno, ...(path === undefined ? {} : { path }) })
}

function check(operation: string, result: number, path?: string): number {
  if (result < 0) throw failed(operation, result, path)
  return result
}

/** Loads libutsuwa at the first call, so that importing the library costs nothing. */
export function createForeignSys(): Sys {
  let loaded: LibUtsuwa | undefined
  const lib = (): LibUtsuwa => (loaded ??= load())
  let receiveBuffer: Buffer | undefined

  return {
    async launch(hostStage, fds, planFd) {
      const result = Buffer.alloc(LAUNCH_RESULT_SIZE)
      const list = Buffer.alloc(fds.length * 4)
      for (const [index, fd] of fds.entries()) list.writeInt32LE(fd, index * 4)
      return parseLaunchResult(await lib().launch(hostStage, list, planFd, result), result)
    },
    setUpCgroup(operations) {
      const result = Buffer.alloc(LAUNCH_RESULT_SIZE)
      const status = lib().setUpCgroup(operations, result)
      return status < 0 ? readFailure(result, -status) : undefined
    },
    sealedMemfd: (name, content) => check(`create memfd ${name}`, lib().sealedMemfd(name, content)),
    openat2: (dirFd, path, flags, mode, resolve) =>
      check(`open ${path}`, lib().openat2(dirFd, path, flags, mode, resolve), path),
    flock(fd, operation) {
      const result = lib().flock(fd, operation)
      if (result === -errnos.EWOULDBLOCK) return false
      check('lock', result)
      return true
    },
    openTree: (dirFd, path, flags) => check(`open tree ${path}`, lib().openTree(dirFd, path, flags), path),
    moveMount(fd, path) {
      check(`attach mount at ${path}`, lib().moveMount(fd, path), path)
    },
    idmapMount(fd, userNamespaceFd, recursive) {
      const flags = recursive ? AT_RECURSIVE : 0
      check('id-map mount', lib().mountSetattr(fd, flags, MOUNT_ATTR_IDMAP, 0, 0, userNamespaceFd))
    },
    userNamespace: (uidMap, gidMap) => check('create user namespace', lib().userNamespace(uidMap, gidMap)),
    mountDetached(type, options, attributes) {
      const fs = check(`open file system ${type}`, lib().fsopen(type))
      try {
        for (const [key, value] of options) {
          const command = value === '' ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING
          check(`set ${key}=${value} of ${type}`, lib().fsconfig(fs, command, key, value, 0), value)
        }
        check(`create file system ${type}`, lib().fsconfig(fs, FSCONFIG_CMD_CREATE, '', '', 0))
        return check(`mount ${type}`, lib().fsmount(fs, attributes))
      } finally {
        closeSync(fs)
      }
    },
    mount(source, target, type, flags, data) {
      check(`mount ${type} at ${target}`, lib().mount(source, target, type, flags, data), target)
    },
    umount(target, flags) {
      check(`unmount ${target}`, lib().umount2(target, flags), target)
    },
    ownerOfNamespace: fd => check('find the owner of a namespace', lib().ownerOfNamespace(fd)),
    pidfdOpen: pid => check(`open pidfd of ${pid}`, lib().pidfdOpen(pid)),
    pidfdSendSignal(pidfd, signal) {
      const result = lib().pidfdSendSignal(pidfd, signal)
      if (result === -errnos.ESRCH) return false
      check(`send signal ${signal}`, result)
      return true
    },
    pidfdWait(pidfd) {
      const exit = Buffer.alloc(EXIT_SIZE)
      return check('wait for process', lib().pidfdWait(pidfd, exit)) === 0 ? undefined : readExit(exit)
    },
    reapGroup(group) {
      return check('reap children', lib().reapGroup(group)) === 0
    },
    socketpair(type) {
      const fds = Buffer.alloc(8)
      check('create socket pair', lib().socketpair(socketTypes[type], fds))
      return [fds.readInt32LE(0), fds.readInt32LE(4)]
    },
    pipe() {
      const fds = Buffer.alloc(8)
      check('create pipe', lib().pipe(fds))
      return [fds.readInt32LE(0), fds.readInt32LE(4)]
    },
    listen: (type, dirFd, name) => check(`listen on ${name}`, lib().listen(socketTypes[type], dirFd, name), name),
    connect: (type, path) => check(`connect to ${path}`, lib().connect(socketTypes[type], path), path),
    routeSocket: () => check('create netlink socket', lib().routeSocket()),
    receive(socket): Message | undefined {
      receiveBuffer ??= Buffer.allocUnsafe(RECEIVE_SIZE)
      const fd = Buffer.alloc(4)
      const size = lib().receive(socket, receiveBuffer, fd)
      if (size === -errnos.EAGAIN) return undefined
      // A peer that died with unread data in its queue resets the connection: that is its end, too.
      if (size !== -errnos.ECONNRESET) check('receive', size)
      const received = fd.readInt32LE(0)
      return {
        data: Buffer.from(receiveBuffer.subarray(0, Math.max(size, 0))),
        fd: received === -1 ? undefined : received,
      }
    },
    send(socket, data, fd = -1) {
      check('send', lib().send(socket, data, fd))
    },
    setTerminalSize(fd, columns, rows) {
      check('set terminal size', lib().setTerminalSize(fd, columns, rows))
    },
    async syncFileSystem(fd) {
      check('write to disk', await lib().syncfs(fd))
    },
    keepLineFeeds(fd) {
      check('set terminal', lib().keepLineFeeds(fd))
    },
    readFiles(fds, results, buffer) {
      check('read files', lib().readFiles(fds, results, buffer))
    },
    async sampleFiles(control, atNs, buffer, { count, startNs, intervalNs, room }) {
      return check('sample files', await lib().sampleFiles(control, atNs, buffer, count, startNs, intervalNs, room))
    },
    watch(fd, callback): Watch {
      const handle = lib().watch(fd, callback)
      if (typeof handle === 'number') throw failed(`watch descriptor ${fd}`, handle)
      let open = true
      return {
        close() {
          if (open) lib().unwatch(handle)
          open = false
        },
        ref() {
          if (open) lib().ref(handle, 1)
        },
        unref() {
          if (open) lib().ref(handle, 0)
        },
      }
    },
  }
}

/** @param result struct utsuwa_launch_result */
export function parseLaunchResult(status: number, result: Buffer): Launched | LaunchFailure {
  return status < 0 ? readFailure(result, -status) : readLaunched(result)
}

function readLaunched(result: Buffer): Launched {
  return {
    pid: result.readInt32LE(0),
    pidfd: result.readInt32LE(4),
    cgroupReadyNs: result.readBigUInt64LE(16),
    executedNs: result.readBigUInt64LE(24),
  }
}

function readFailure(result: Buffer, errno: number): LaunchFailure {
  const end = result.indexOf(0, LAUNCH_DETAIL_OFFSET)
  return {
    index: result.readUInt32LE(8),
    errno,
    cgroupCreated: result.readUInt32LE(12) === 1,
    detail: result.toString('utf8', LAUNCH_DETAIL_OFFSET, end),
  }
}

function readExit(exit: Buffer): ProcessExit {
  const code = exit.readInt32LE(0)
  const signalled = exit.readInt32LE(4) === 1
  return {
    exitCode: signalled ? undefined : code,
    signal: signalled ? code : undefined,
    userMicroseconds: Number(exit.readBigUInt64LE(8)),
    systemMicroseconds: Number(exit.readBigUInt64LE(16)),
  }
}
