/** `update`: new limits for a container that lives. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileResources } from '../cgroup/limits.ts'
import { UtsuwaError } from '../errors.ts'
import type { LinuxResources } from '../spec/runtime.ts'
import { errnoOf, isErrno } from '../util/errno.ts'
import { cgroupDirectory } from './cgroup-directory.ts'
import { lockContainer, readRecord } from './record.ts'
import { containerStatus } from './status.ts'

/**
 * Writes what `resources` names, and leaves the rest as it is; rules for devices do not change.
 * @throws UtsuwaError CONTAINER_STATE when it has stopped; CGROUP_ERROR with the file that refused its value
 */
export async function updateContainer(stateRoot: string, id: string, resources: LinuxResources): Promise<void> {
  using _container = await lockContainer(stateRoot, id)
  const record = readRecord(stateRoot, id)
  const operation = `update container ${id}`
  if (containerStatus(stateRoot, record) === 'stopped')
    throw new UtsuwaError('CONTAINER_STATE', 'cannot update a container that has stopped', { operation })
  const directory = cgroupDirectory(record)
  if (resources.memory?.checkBeforeUpdate) refuseLimitBelowUse(directory, resources, operation)
  for (const { file, value, onMissing, pointer } of compileResources(resources)) {
    const path = join(directory, file)
    try {
      writeFileSync(path, value, { flag: 'r+' })
    } catch (cause) {
      if (onMissing === 'skip' && isErrno(cause, 'ENOENT')) continue
      const errno = errnoOf(cause)
      throw new UtsuwaError('CGROUP_ERROR', undefined, {
        operation: `write ${file} ${value}`,
        path,
        configPointer: pointer,
        ...(errno === undefined ? {} : { errno }),
        cause,
      })
    }
  }
}

/** config-linux.md, "Memory", checkBeforeUpdate: the kernel would kill instead of refusing. */
function refuseLimitBelowUse(directory: string, { memory = {} }: LinuxResources, operation: string): void {
  const { limit } = memory
  if (limit === undefined || BigInt(limit) < 0n) return
  const current = BigInt(readFileSync(join(directory, 'memory.current'), 'utf8').trim())
  if (current > BigInt(limit))
    throw new UtsuwaError('CGROUP_ERROR', `the container uses ${current} bytes, more than the new limit of ${limit}`, {
      operation,
      configPointer: '/linux/resources/memory/limit',
    })
}
