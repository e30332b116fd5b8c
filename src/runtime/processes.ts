/** `ps`: who is in a container. */
import { processesBelow } from '../cgroup/processes.ts'
import { cgroupDirectory } from './state/cgroup-directory.ts'
import { readRecord } from './state/record.ts'

/**
 * PIDs, in the caller's namespace, of every process in the container's cgroup and below; none when it has stopped.
 * @throws UtsuwaError CONTAINER_NOT_FOUND; UNSUPPORTED without a cgroup
 */
export function listProcesses(stateRoot: string, id: string): number[] {
  return processesBelow(cgroupDirectory(readRecord(stateRoot, id)))
}
