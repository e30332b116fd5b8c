import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Invariant } from './invariant.ts'

/** Files that grow or are made once, and tell of no container. */
const ALWAYS = /(^|\/)(events\.jsonl(\.1)?|last_reserved_ip\.\d+|lock|seccomp|\.seccomp)(\/|$)/

/** Records, names, ranges of user ids, addresses: of `utsuwa` and of `utsuwa-oci`. */
export const runRoot: Invariant = {
  name: 'run root',
  observe: ({ runDisk }) => filesBelow(runDisk).filter(path => !ALWAYS.test(path)),
}

export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
}
