/** Where a container's cgroup is. */
import { join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import type { ContainerRecord } from './record.ts'

/** Host path; undefined when the container was made without a cgroup. */
export function findCgroupDirectory({ cgroup }: ContainerRecord): string | undefined {
  return cgroup && join(cgroup.mount, cgroup.path)
}

/** @returns host path; @throws UtsuwaError UNSUPPORTED when the container was made without a cgroup */
export function cgroupDirectory(record: ContainerRecord): string {
  const directory = findCgroupDirectory(record)
  if (directory !== undefined) return directory
  const operation = `find cgroup of container ${record.id}`
  throw new UtsuwaError('UNSUPPORTED', 'it has no cgroup of its own', { operation })
}
