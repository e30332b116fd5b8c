/** What a process of `exec` takes from its container where it says nothing itself. */
import type { Process, RuntimeSpec } from '../spec/runtime.ts'
import { withoutUndefined } from '../util/without-undefined.ts'

/**
 * Labels, priorities and capabilities of the container hold for every process in it, unless the process has its own.
 * Resource limits do not, as with runc. An umask is the container's, whoever the user is.
 */
export function completeProcess(process: Process, { process: container }: RuntimeSpec): Process {
  if (container === undefined) return process
  const { capabilities, apparmorProfile, selinuxLabel, oomScoreAdj, scheduler, ioPriority } = container
  const inherited = { capabilities, apparmorProfile, selinuxLabel, oomScoreAdj, scheduler, ioPriority }
  const umask = process.user.umask ?? container.user.umask
  return {
    ...withoutUndefined<Partial<Process>>(inherited),
    ...process,
    user: { ...process.user, ...(umask === undefined ? {} : { umask }) },
  }
}
