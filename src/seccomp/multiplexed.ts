/**
 * On 32-bit x86 the socket and System V IPC calls can also be made through socketcall(2) and ipc(2), whose first
 * argument says which; a filter that knows only the direct calls could be walked around.
 */
import type { LinuxSeccompArg } from '../spec/runtime.ts'

/** SYS_… of linux/net.h, from 1 on. */
const SOCKET_CALLS = [
  'socket',
  'bind',
  'connect',
  'listen',
  'accept',
  'getsockname',
  'getpeername',
  'socketpair',
  'send',
  'recv',
  'sendto',
  'recvfrom',
  'shutdown',
  'setsockopt',
  'getsockopt',
  'sendmsg',
  'recvmsg',
  'accept4',
  'recvmmsg',
  'sendmmsg',
]

/** linux/ipc.h */
const IPC_CALLS: Readonly<Record<string, number>> = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
}

export interface MultiplexedCall {
  syscall: 'socketcall' | 'ipc'
  /**
   * Holds when the call is the one asked for. What the call's own arguments are cannot be tested: they lie in memory,
   * which a filter does not see.
   */
  condition: LinuxSeccompArg
}

export function multiplexedCall(name: string): MultiplexedCall | undefined {
  const socketCall = SOCKET_CALLS.indexOf(name) + 1
  if (socketCall > 0) {
    return { syscall: 'socketcall', condition: { index: 0, op: 'SCMP_CMP_EQ', value: socketCall } }
  }
  const ipcCall = Object.hasOwn(IPC_CALLS, name) ? IPC_CALLS[name] : undefined
  if (ipcCall === undefined) return undefined
  // the kernel takes the upper 16 bits for a version of the call
  const condition: LinuxSeccompArg = { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 0xffff, valueTwo: ipcCall }
  return { syscall: 'ipc', condition }
}
