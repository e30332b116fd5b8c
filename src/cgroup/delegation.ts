/** What a user without privileges may do in the cgroup hierarchy: what was delegated to it (cgroup-v2.rst, "Delegation"). */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Host path of the deepest cgroup on the way to `path` that exists. Both arguments are absolute; `path` is below the mount. */
export function nearestCgroup(mountHostPath: string, path: string): string {
  let directory = join(mountHostPath, path)
  while (directory !== mountHostPath && !existsSync(directory)) directory = dirname(directory)
  return directory
}

/** Whether this process may make a cgroup in it and move a process there. */
export function isDelegated(directoryHostPath: string): boolean {
  try {
    accessSync(directoryHostPath, constants.W_OK | constants.X_OK)
    accessSync(join(directoryHostPath, 'cgroup.procs'), constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Controllers that its children have already. */
export function readEnabledControllers(directoryHostPath: string): string[] {
  const text = readFileSync(join(directoryHostPath, 'cgroup.subtree_control'), 'utf8')
  return text.split(/\s+/).filter(Boolean)
}
