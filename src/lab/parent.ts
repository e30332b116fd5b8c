/** The cgroup that all containers of a run are in. */
import { join } from 'node:path'
import { killCgroup, removeCgroup } from '../cgroup/remove.ts'
import { parseMemoryEvents } from '../cgroup/stats/stats.ts'
import { UtsuwaError } from '../errors.ts'
import { readHostFacts } from '../launch/host-facts.ts'
import { setUpCgroup } from '../launch/scope.ts'
import type { Operation } from '../plan/ops.ts'
import { readIfThere } from '../util/read-if-there.ts'
import type { Limits } from './experiment.ts'

export interface ParentCgroup extends AsyncDisposable {
  /** Below the cgroup v2 mount, for the option `cgroupParent`. */
  readonly path: string
  /** Host path. */
  readonly directory: string
  /** Limits of its own that were hit with nothing left to reclaim; not those of cgroups below it. */
  ownOoms(): number
}

/** @throws UtsuwaError UNSUPPORTED without cgroup v2; CONTROLLER_MISSING, CGROUP_ERROR for a limit that the kernel refuses */
export async function makeParent(name: string, limits: Limits): Promise<ParentCgroup> {
  const { cgroupMount, cgroupControllers } = readHostFacts()
  if (cgroupMount === undefined)
    throw new UtsuwaError('UNSUPPORTED', 'the host has no cgroup v2 hierarchy', { operation: 'make parent cgroup' })
  const path = `/utsuwa/${name}`
  const asked = Object.keys(limits).map(file => file.split('.')[0]!)
  const useful = ['cpu', 'io', 'memory', 'pids'].filter(controller => cgroupControllers.includes(controller))
  const directory = join(cgroupMount, path)
  const remove = async (): Promise<void> => {
    killCgroup(directory)
    await removeCgroup(directory)
  }
  try {
    setUpCgroup([
      {
        op: 'create_cgroup',
        mount: cgroupMount,
        path,
        controllers: [...new Set([...asked, ...useful])],
        processes: 'refuse',
        pointer: '',
      },
      ...Object.entries(limits).map(
        ([file, value]): Operation => ({ op: 'write_cgroup', file, value, onMissing: 'fail', pointer: '' }),
      ),
    ])
  } catch (error) {
    await remove()
    throw error
  }
  return {
    path,
    directory,
    ownOoms: () => parseMemoryEvents(readIfThere(join(directory, 'memory.events.local')) ?? '').oom,
    [Symbol.asyncDispose]: remove,
  }
}
