/** `update`: new limits for a container that lives. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CgroupWrite, compileResources } from '../cgroup/limits/limits.ts'
import { limitProperties } from '../cgroup/systemd/systemd-properties.ts'
import { UtsuwaError } from '../errors.ts'
import type { LinuxMemory, LinuxResources } from '../spec/runtime.ts'
import { errnoOf, isErrno } from '../util/errno.ts'
import { cgroupDirectory } from './state/cgroup-directory.ts'
import { keepForBoot } from './state/keep-for-boot.ts'
import { lockContainer, readRecord, readSpec } from './state/record.ts'
import { containerStatus } from './state/status.ts'

/**
 * Writes what `resources` names, and leaves the rest as it is; rules for devices do not change. Limits that depend on
 * each other (memory and swap, quota and period) are completed from those that the container has.
 * @throws UtsuwaError CONTAINER_STATE when it has stopped; CGROUP_ERROR with the file that refused its value
 */
export async function update(stateRoot: string, id: string, resources: LinuxResources): Promise<void> {
  using container = await lockContainer(stateRoot, id)
  const record = readRecord(stateRoot, id)
  const operation = `update container ${id}`
  if (containerStatus(stateRoot, record) === 'stopped')
    throw new UtsuwaError('CONTAINER_STATE', 'cannot update a container that has stopped', { operation })
  const directory = cgroupDirectory(record)
  const spec = readSpec(stateRoot, id)
  const given = withoutUnset(resources)
  const completed = complete(given, spec.linux?.resources ?? {})
  if (given.memory?.checkBeforeUpdate) refuseLimitBelowUse(directory, completed, operation)
  const writes = compileResources(completed)
  if (record.cgroup?.unit !== undefined) await tellSystemd(record.cgroup.unit, writes)
  applyLimits(directory, writes)
  const updated = { ...spec, linux: { ...spec.linux, resources: merge(spec.linux?.resources ?? {}, completed) } }
  container.writeSpec(updated)
  keepForBoot(stateRoot, record, updated)
}

/** Engines written in Go send 0 and '' for what shall stay as it is; for these 0 is a value. */
const zeroIsAValue = new Set(['idle', 'burst'])

function withoutUnset(resources: LinuxResources): LinuxResources {
  const { devices: _, ...limits } = resources
  return Object.fromEntries(
    Object.entries(limits)
      .map(([name, section]) => [name, Array.isArray(section) ? section : withoutZeros(section)] as const)
      .filter(([, section]) => Object.keys(section).length > 0),
  )
}

function withoutZeros(section: object): object {
  const isUnset = (name: string, value: unknown): boolean => (value === 0 || value === '') && !zeroIsAValue.has(name)
  return Object.fromEntries(Object.entries(section).filter(([name, value]) => !isUnset(name, value)))
}

function merge(current: LinuxResources, { memory, ...rest }: LinuxResources): LinuxResources {
  return { ...current, ...rest, ...(memory === undefined ? {} : { memory: { ...current.memory, ...memory } }) }
}

/** The sections of `given`, with what they leave out as it is in `current`. */
function complete(given: LinuxResources, current: LinuxResources): LinuxResources {
  const { memory, cpu } = given
  return {
    ...given,
    ...(memory === undefined ? {} : { memory: completeMemory(memory, current.memory ?? {}) }),
    ...(cpu === undefined ? {} : { cpu: { ...current.cpu, ...cpu } }),
  }
}

/** Swap is a sum that includes the limit. A limit alone leaves the bound on swap as it is, as with runc. */
function completeMemory(given: LinuxMemory, { limit }: LinuxMemory): LinuxMemory {
  return given.swap === undefined || limit === undefined ? given : { limit, ...given }
}

function applyLimits(directory: string, writes: readonly CgroupWrite[]): void {
  for (const { file, value, onMissing, pointer } of writes) {
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

/** First, since systemd writes what it has been told, rounded; the exact values follow. Loaded when needed. */
async function tellSystemd(unit: string, writes: readonly CgroupWrite[]): Promise<void> {
  const { setUnitProperties } = await import('../cgroup/systemd/systemd.ts')
  await setUnitProperties(unit, limitProperties(writes))
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
