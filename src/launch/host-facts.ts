/** What a plan needs to know of the host, read from it. */
import { readCgroupHierarchy, readControllers } from '../cgroup/hierarchy.ts'
import type { HostFacts } from '../plan/compile.ts'

/** Reads /proc/self/mountinfo and the root of the cgroup v2 hierarchy. */
export function readHostFacts(): HostFacts {
  const { mountHostPath } = readCgroupHierarchy()
  return {
    cgroupMount: mountHostPath,
    cgroupControllers: mountHostPath === undefined ? [] : readControllers(mountHostPath),
  }
}
