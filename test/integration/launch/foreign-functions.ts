/** The same few functions of libutsuwa by each foreign function interface that docs/adr/0001-ffi-boundary.md weighs. */
import { join } from 'node:path'

const built = join(import.meta.dirname, '../../../build/native')

/** Numbers, strings and buffers in; a value or −errno out. */
export interface ForeignFunctions {
  launch(hostStage: Buffer, fds: Buffer, planFd: number, result: Buffer): Promise<number> | number
  sealedMemfd(name: string, content: Buffer): number
  socketpair(type: number, fds: Buffer): number
  receive(socket: number, buffer: Buffer, fd: Buffer): number
  send(socket: number, data: Buffer, fd: number): number
  pidfdWait(pidfd: number, exit: Buffer): number
  planHash(): bigint
}

/** The addon that the library uses. */
async function throughAddon(): Promise<ForeignFunctions> {
  const loaded = { exports: {} as ForeignFunctions }
  process.dlopen(loaded, join(built, 'utsuwa.node'))
  return loaded.exports
}

async function throughKoffi(): Promise<ForeignFunctions> {
  const { default: koffi } = await import('koffi')
  const library = koffi.load(join(built, 'libutsuwa.so'))
  const launch = library.func('int64_t utsuwa_launch(uint8_t *, uint64_t, int32_t *, uint32_t, uint32_t, void *)')
  const sealedMemfd = library.func('int64_t utsuwa_sealed_memfd(const char *, uint8_t *, uint64_t)')
  const socketpair = library.func('int64_t utsuwa_socketpair(int32_t, int32_t *)')
  const receive = library.func('int64_t utsuwa_receive(int32_t, uint8_t *, uint64_t, int32_t *)')
  const send = library.func('int64_t utsuwa_send(int32_t, uint8_t *, uint64_t, int32_t)')
  const pidfdWait = library.func('int64_t utsuwa_pidfd_wait(int32_t, void *)')
  const planHash = library.func('uint64_t utsuwa_plan_hash()')
  return {
    launch: (stage, fds, planFd, result) => Number(launch(stage, stage.length, fds, fds.length / 4, planFd, result)),
    sealedMemfd: (name, content) => Number(sealedMemfd(name, content, content.length)),
    socketpair: (type, fds) => Number(socketpair(type, fds)),
    receive: (socket, buffer, fd) => Number(receive(socket, buffer, buffer.length, fd)),
    send: (socket, data, fd) => Number(send(socket, data, data.length, fd)),
    pidfdWait: (pidfd, exit) => Number(pidfdWait(pidfd, exit)),
    planHash: () => BigInt(planHash()),
  }
}

/** Experimental, from Node 26.1 on. Where it is missing, the import fails and so does the test. */
async function throughNodeFfi(): Promise<ForeignFunctions> {
  const ffi = await import('node:ffi')
  const { functions } = ffi.dlopen(join(built, 'libutsuwa.so'), {
    utsuwa_launch: { arguments: ['buffer', 'uint64', 'buffer', 'uint32', 'uint32', 'buffer'], return: 'int64' },
    utsuwa_sealed_memfd: { arguments: ['string', 'buffer', 'uint64'], return: 'int64' },
    utsuwa_socketpair: { arguments: ['int32', 'buffer'], return: 'int64' },
    utsuwa_receive: { arguments: ['int32', 'buffer', 'uint64', 'buffer'], return: 'int64' },
    utsuwa_send: { arguments: ['int32', 'buffer', 'uint64', 'int32'], return: 'int64' },
    utsuwa_pidfd_wait: { arguments: ['int32', 'buffer'], return: 'int64' },
    utsuwa_plan_hash: { arguments: [], return: 'uint64' },
  })
  const f = functions
  return {
    launch: (stage, fds, planFd, result) =>
      Number(f.utsuwa_launch(stage, BigInt(stage.length), fds, fds.length / 4, planFd, result)),
    sealedMemfd: (name, content) => Number(f.utsuwa_sealed_memfd(name, content, BigInt(content.length))),
    socketpair: (type, fds) => Number(f.utsuwa_socketpair(type, fds)),
    receive: (socket, buffer, fd) => Number(f.utsuwa_receive(socket, buffer, BigInt(buffer.length), fd)),
    send: (socket, data, fd) => Number(f.utsuwa_send(socket, data, BigInt(data.length), fd)),
    pidfdWait: (pidfd, exit) => Number(f.utsuwa_pidfd_wait(pidfd, exit)),
    planHash: () => f.utsuwa_plan_hash(),
  }
}

export const routes: Readonly<Record<string, () => Promise<ForeignFunctions>>> = {
  'the addon': throughAddon,
  koffi: throughKoffi,
  'node:ffi': throughNodeFfi,
}
