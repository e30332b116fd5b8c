/** What went over the network interfaces of a process's network namespace. */
import { fstatSync, statSync } from 'node:fs'
import { openOfInit, type RecordedProcess, readOfInit } from '../../runtime/state/first-process.ts'

/** Bytes and packets of all interfaces but loopback. */
export interface NetworkUse {
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** Undefined for one that has ended, or that shares the caller's network: what is counted there is not its own. */
export function readNetworkUse(record: RecordedProcess): NetworkUse | undefined {
  using namespace = openOfInit(record, 'ns/net')
  if (namespace === undefined || fstatSync(namespace.fd).ino === statSync('/proc/self/ns/net').ino) return undefined
  const text = readOfInit(record, 'net/dev')
  return text === undefined ? undefined : parseNetworkUse(text)
}

/** @param text of /proc/PID/net/dev, see proc_pid_net(5) */
export function parseNetworkUse(text: string): NetworkUse {
  const interfaces = [...text.matchAll(/^ *([^:\s]+): *(.*)$/gm)].filter(([, name]) => name !== 'lo')
  const sum = (column: number): number =>
    interfaces.reduce((total, [, , fields]) => total + Number(fields!.split(/\s+/)[column]), 0)
  return { receivedBytes: sum(0), sentBytes: sum(8) }
}
