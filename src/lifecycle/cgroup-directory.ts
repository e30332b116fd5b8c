/** Where a container's cgroup is. */
import { join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import type { ContainerRecord } from './record.ts'

/** @returns host path; @throws UtsuwaError UNSUPPORTED when the container was made without a cgroup */
export function cgroupDirectory({ id, cgroup }: ContainerRecord): string {
  if (cgroup === undefined)
    throw new UtsuwaError('UNSUPPORTED', 'it has no cgroup of its own', { operation: `find cgroup of container ${id}` })
  return join(cgroup.mount, cgroup.path)
}
