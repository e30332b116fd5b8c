/** What a plan needs to know of the host, read from it. */
import { readFileSync } from 'node:fs'
import { readCgroupHierarchy, readControllers } from '../cgroup/hierarchy.ts'
import type { HostFacts } from '../plan/compile.ts'
import type { RestrictedCaller } from '../plan/rootless.ts'
import { findProgram } from '../util/find-program.ts'

/** Reads /proc/self/mountinfo, /proc/self/uid_map and the root of the cgroup v2 hierarchy. */
export function readHostFacts(): HostFacts {
  const { mountHostPath } = readCgroupHierarchy()
  const caller = readRestrictedCaller()
  return {
    cgroupMount: mountHostPath,
    cgroupControllers: mountHostPath === undefined ? [] : readControllers(mountHostPath),
    caller,
  }
}

function readRestrictedCaller(): RestrictedCaller | undefined {
  const uid = process.geteuid!()
  if (uid === 0 && !isInUserNamespace()) return undefined
  const directories = (process.env.PATH ?? '').split(':').filter(Boolean)
  const [newuidmap, newgidmap] = [findProgram('newuidmap', directories), findProgram('newgidmap', directories)]
  return { uid, gid: process.getegid!(), newuidmap, newgidmap }
}

/** Whether this process is in a user namespace that is not the first one, to which all ids belong. */
export function isInUserNamespace(): boolean {
  return readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).join(' ') !== '0 0 4294967295'
}
