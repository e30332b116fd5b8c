/** Where a container can write, and no room is left. */
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { RuntimeSpec } from '../spec/runtime.ts'
import { errnoOf } from '../util/errno.ts'
import { formatBinarySize } from '../util/sizes.ts'
import type { ContainerRecord } from './record.ts'

interface Place {
  readonly containerPath: string
  readonly hostPath: string
}

/** Of one that has ended, its temporary file systems are gone with it. */
export async function fullPlaces(record: ContainerRecord, spec: RuntimeSpec, isOver: boolean): Promise<string[]> {
  const places = isOver ? placesAfterEnd(record, spec) : placesWithin(record.pid, spec)
  const found = await Promise.all(places.map(describeIfFull))
  return [...new Set(found.filter(text => text !== undefined))]
}

function writableMounts({ mounts = [] }: RuntimeSpec): NonNullable<RuntimeSpec['mounts']> {
  return mounts.filter(({ options = [] }) => !options.includes('ro'))
}

function placesAfterEnd({ id, rootfs, managed }: ContainerRecord, spec: RuntimeSpec): Place[] {
  const upper = managed?.storeRoot === undefined ? rootfs : join(managed.storeRoot, 'containers', id)
  const binds = writableMounts(spec).filter(
    ({ type, options = [], source }) =>
      source?.startsWith('/') && (type === 'bind' || options.includes('bind') || options.includes('rbind')),
  )
  return [
    ...(spec.root?.readonly || upper === '' ? [] : [{ containerPath: '/', hostPath: upper }]),
    ...binds.map(({ destination, source }) => ({ containerPath: destination, hostPath: source! })),
  ]
}

function placesWithin(pid: number, spec: RuntimeSpec): Place[] {
  const isStorage = ({ type = '' }: { type?: string }): boolean =>
    !['proc', 'sysfs', 'cgroup', 'devpts', 'mqueue'].includes(type)
  const paths = [
    ...(spec.root?.readonly ? [] : ['/']),
    ...writableMounts(spec)
      .filter(isStorage)
      .map(each => each.destination),
  ]
  return paths.map(containerPath => ({ containerPath, hostPath: join('/proc', String(pid), 'root', containerPath) }))
}

async function describeIfFull({ containerPath, hostPath }: Place): Promise<string | undefined> {
  try {
    const { bavail, blocks, bsize, ffree, files } = await statfs(hostPath)
    if (blocks > 0 && bavail === 0) return `${containerPath} has 0 bytes left of ${formatBinarySize(blocks * bsize)}`
    return files > 0 && ffree === 0 ? `${containerPath} has no inode left of ${files}` : undefined
  } catch (error) {
    // Gone meanwhile, or another's.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
