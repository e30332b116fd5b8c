/** Who is in a cgroup. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../util/errno.ts'

/** PIDs in a cgroup itself, without those below it; empty where there is no such cgroup. */
export function processesOf(directoryHostPath: string): number[] {
  try {
    return readFileSync(join(directoryHostPath, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch (error) {
    // EOPNOTSUPP: a threaded cgroup, whose processes are listed in its parent.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV') || isErrno(error, 'EOPNOTSUPP')) return []
    throw error
  }
}

/** PIDs in a cgroup and in all below it. */
export function processesBelow(directoryHostPath: string): number[] {
  return [...processesOf(directoryHostPath), ...childrenOf(directoryHostPath).flatMap(processesBelow)]
}

/** Host paths of the cgroups directly below one; empty where there is no such cgroup. */
export function childrenOf(directoryHostPath: string): string[] {
  try {
    return readdirSync(directoryHostPath, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => join(directoryHostPath, entry.name))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
