/** Where a container can write, and no room is left. */
import { closeSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { openPathInRoot } from '../../engine/files/container-files.ts'
import { isUtsuwaError } from '../../errors.ts'
import { openRootOfInit } from '../../runtime/state/first-process.ts'
import type { ContainerRecord } from '../../runtime/state/record.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'
import { errnoOf } from '../../util/errno.ts'
import { formatBinarySize } from '../../util/sizes.ts'

interface Place {
  readonly containerPath: string
  readonly hostPath: string
}

/** Of one that has ended, its temporary file systems are gone with it. */
export async function fullPlaces(record: ContainerRecord, spec: RuntimeSpec, isOver: boolean): Promise<string[]> {
  const found = await (isOver ? describeAll(placesAfterEnd(record, spec)) : fullWithin(record, spec))
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

/** As its processes see them: links lead where they lead inside its root. */
async function fullWithin(record: ContainerRecord, spec: RuntimeSpec): Promise<(string | undefined)[]> {
  using root = openRootOfInit(record)
  if (root === undefined) return []
  const opened = pathsWithin(spec).map(containerPath => ({ containerPath, fd: openIfAny(root.fd, containerPath) }))
  try {
    return await describeAll(
      opened.flatMap(({ containerPath, fd }) =>
        fd === undefined ? [] : [{ containerPath, hostPath: `/proc/self/fd/${fd}` }],
      ),
    )
  } finally {
    for (const { fd } of opened) if (fd !== undefined) closeSync(fd)
  }
}

/** Undefined where nothing is, or what does not lead to anything. */
function openIfAny(rootFd: number, containerPath: string): number | undefined {
  try {
    return openPathInRoot(rootFd, containerPath)
  } catch (error) {
    if (!isUtsuwaError(error) || error.errno === undefined) throw error
    return undefined
  }
}

function describeAll(places: readonly Place[]): Promise<(string | undefined)[]> {
  return Promise.all(places.map(describeIfFull))
}

function pathsWithin(spec: RuntimeSpec): string[] {
  const isStorage = ({ type = '' }: { type?: string }): boolean =>
    !['proc', 'sysfs', 'cgroup', 'devpts', 'mqueue'].includes(type)
  return [
    ...(spec.root?.readonly ? [] : ['/']),
    ...writableMounts(spec)
      .filter(isStorage)
      .map(each => each.destination),
  ]
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
