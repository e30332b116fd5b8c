/** What went over the network interfaces of a process's network namespace. */
import { readFileSync, readlinkSync } from 'node:fs'
import { isErrno } from '../util/errno.ts'

/** Bytes and packets of all interfaces but loopback. */
export interface NetworkUse {
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** Undefined for one that has ended, or that shares the caller's network: what is counted there is not its own. */
export function readNetworkUse(pid: number): NetworkUse | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net')) return undefined
    return parseNetworkUse(readFileSync(`/proc/${pid}/net/dev`, 'utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH') || isErrno(error, 'EINVAL')) return undefined
    throw error
  }
}

/** @param text of /proc/PID/net/dev, see proc_pid_net(5) */
export function parseNetworkUse(text: string): NetworkUse {
  const interfaces = [...text.matchAll(/^ *([^:\s]+): *(.*)$/gm)].filter(([, name]) => name !== 'lo')
  const sum = (column: number): number =>
    interfaces.reduce((total, [, , fields]) => total + Number(fields!.split(/\s+/)[column]), 0)
  return { receivedBytes: sum(0), sentBytes: sum(8) }
}
