/** What a plan needs to know of the host, read from it. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCgroupHierarchy, readControllers } from '../cgroup/hierarchy.ts'
import type { HostFacts } from '../plan/compile.ts'
import type { RestrictedCaller } from '../plan/rootless.ts'

/** Reads /proc/self/mountinfo, /proc/self/uid_map and the root of the cgroup v2 hierarchy. */
export function readHostFacts(): HostFacts {
  const { mountHostPath } = readCgroupHierarchy()
  const caller = readRestrictedCaller()
  return {
    cgroupMount: mountHostPath,
    cgroupControllers: mountHostPath === undefined ? [] : readControllers(mountHostPath),
    ...(caller === undefined ? {} : { caller }),
  }
}

function readRestrictedCaller(): RestrictedCaller | undefined {
  const uid = process.geteuid!()
  if (uid === 0 && !isInUserNamespace()) return undefined
  return { uid, gid: process.getegid!(), newuidmap: findProgram('newuidmap'), newgidmap: findProgram('newgidmap') }
}

/** Whether this process is in a user namespace that is not the first one, to which all ids belong. */
export function isInUserNamespace(): boolean {
  return readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).join(' ') !== '0 0 4294967295'
}

function findProgram(name: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(':').filter(Boolean)
  return directories.map(directory => join(directory, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
