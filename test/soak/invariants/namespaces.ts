import { readdirSync, readlinkSync } from 'node:fs'
import { processes } from '../processes.ts'
import type { Invariant } from './invariant.ts'

/** Namespaces that processes are in; those that a mount keeps are seen as mounts. */
export const namespaces: Invariant = {
  name: 'namespaces',
  observe: () => [...new Set(processes().flatMap(({ pid }) => namespacesOf(pid)))].sort(),
}

function namespacesOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/ns`).map(name => readlinkSync(`/proc/${pid}/ns/${name}`))
  } catch {
    return [] // it has ended, which the invariant of processes tells
  }
}
