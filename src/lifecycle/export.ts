/** `export`: the file system of a container as an archive. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { basename } from 'node:path'
import type { Writable } from 'node:stream'
import { UtsuwaError } from '../errors.ts'
import { constants } from '../sys/index.ts'
import { isErrno } from '../util/errno.ts'
import { programError } from '../util/how-ended.ts'
import { writeOutput } from '../util/output.ts'
import { scopedFd } from '../util/scoped-fd.ts'
import { openRootOfInit } from './first-process.ts'
import { containersDirectory, resolveContainer } from './names.ts'
import { type ContainerRecord, lockContainer, readRecord } from './record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from './roots.ts'

/** Options of `exportContainer`. */
export interface ExportOptions extends Roots {
  readonly signal?: AbortSignal
}

/** GNU tar's status for files that changed while it read them, which a container that runs may do. */
const TAR_CHANGED = 1
const MAX_COMPLAINT = 4096
/** What GNU's, busybox's and the BSDs' tar say; busybox's status is that of files that changed. */
const UNKNOWN_OPTION = /^tar: (?:(?:unrecognized|invalid|unknown) option\b|Option \S+ is not supported)/

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
    import('../snapshot/active.ts'),
    import('../launch/overlay.ts'),
  ])
  // Read-only: another mount that writes would take the work directory away from a first one.
  return mountOverlay({ lowerDirs: await viewSnapshot(managed.storeRoot, id) })
}

/**
 * tar(1) reads it: Node cannot read extended attributes. Nothing of the container is executed or followed: tar is the
 * host's, it opens what it finds without following links, and stays on the file system it began in.
 * Sorted, so that one tree is one archive.
 *
 * @param name what is read in the directory `rootFd`. Default: all of it
 */
export async function* readArchive(rootFd: number, operation: string, name = '.'): AsyncGenerator<Buffer> {
  const args = ['--create', '--file=-', '--format=pax', '--pax-option=delete=atime,delete=ctime', '--numeric-owner']
  const child = spawn(
    'tar',
    [
      ...args,
      '--sort=name',
      '--xattrs',
      '--xattrs-include=*',
      '--one-file-system',
      '--directory=/proc/self/fd/3',
      '--',
      name,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe', rootFd],
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    },
  )
  let complaint = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    if (complaint.length < MAX_COMPLAINT) complaint += chunk
  })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  ended.catch(() => undefined)
  try {
    yield* child.stdout!
    const [code, killedBy] = await ended
    if (code === 0) return
    if (UNKNOWN_OPTION.test(complaint)) throw unsupported('the tar of this machine lacks options', operation)
    if (code === TAR_CHANGED) return
    throw programError('tar', { code, signal: killedBy }, complaint, operation)
  } catch (cause) {
    throw isErrno(cause, 'ENOENT') ? unsupported('there is no tar on this machine', operation, cause) : cause
  } finally {
    child.kill()
  }
}

function unsupported(reason: string, operation: string, cause?: unknown): UtsuwaError {
  return new UtsuwaError('UNSUPPORTED', reason, { operation, hint: 'install GNU tar', cause })
}
