/** `export`: the file system of a container as an archive. */

import { openSync } from 'node:fs'
import { basename } from 'node:path'
import type { Writable } from 'node:stream'
import { openRootOfInit } from '../../runtime/state/first-process.ts'
import { containersDirectory, resolveContainer } from '../../runtime/state/names.ts'
import { type ContainerRecord, lockContainer, readRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { constants } from '../../sys/index.ts'
import { writeOutput } from '../../util/output.ts'
import { scopedFd } from '../../util/scoped-fd.ts'
import { readArchive } from '../files/archive.ts'

/** Options of `exportContainer`. */
export interface ExportOptions extends Roots {
  readonly signal?: AbortSignal
}

/**
 * Writes the file system of a container, running or not, as a tar archive with owners, modes and extended attributes.
 * What is mounted in it, volumes too, is left out.
 *
 * @param target a file, or a stream, which is ended
 * @throws UtsuwaError CONTAINER_NOT_FOUND, UNSUPPORTED without GNU tar, KERNEL_OPERATION_FAILED with what tar says,
 *   INVALID_ARGUMENT, NO_SPACE, ABORTED
 */
export async function exportContainer(
  nameOrId: string,
  target: string | Writable,
  { runRoot = DEFAULT_RUN_ROOT, signal }: ExportOptions = {},
): Promise<void> {
  const stateRoot = containersDirectory(runRoot)
  const operation = `export container ${nameOrId}`
  // Held to the end for a container that has ended. Meanwhile nobody creates, starts or removes it.
  using container = await lockContainer(stateRoot, resolveContainer(runRoot, nameOrId))
  const record = readRecord(stateRoot, basename(container.directory))
  const live = openRootOfInit(record)
  if (live !== undefined) container[Symbol.dispose]()
  using root = live ?? scopedFd(await openStopped(record))
  await writeOutput(target, readArchive(root.fd, operation), signal)
}

async function openStopped({ id, rootfs, managed }: ContainerRecord): Promise<number> {
  if (managed?.storeRoot === undefined) return openSync(rootfs, constants.O_DIRECTORY)
  const [{ viewSnapshot }, { mountOverlay }] = await Promise.all([
    import('../../snapshot/active.ts'),
    import('../../launch/overlay.ts'),
  ])
  // Read-only: another mount that writes would take the work directory away from a first one.
  return mountOverlay({ lowerDirs: await viewSnapshot(managed.storeRoot, id) })
}
