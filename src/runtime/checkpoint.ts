/** `checkpoint`: criu writes what a container is to files, from which `restore` makes it again. */
import { closeSync, fstatSync, mkdirSync, openSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { criuConfigOf, externalMounts, externalNamespaces } from '../criu/external.ts'
import type { CriuFlags, PageServer } from '../criu/messages.ts'
import { callCriu } from '../criu/session.ts'
import { openPathInRoot } from '../engine/files/container-files.ts'
import { UtsuwaError } from '../errors.ts'
import type { RuntimeSpec } from '../spec/runtime.ts'
import { constants } from '../sys/index.ts'
import { errnoOf } from '../util/errno.ts'
import { deleteContainer } from './delete.ts'
import { findCgroupDirectory } from './state/cgroup-directory.ts'
import { openRootOfInit } from './state/first-process.ts'
import { type ContainerRecord, lockContainer, readRecord, readSpec } from './state/record.ts'
import { containerStatus } from './state/status.ts'
import { isHostFile } from './stream-names.ts'

/** What restore needs to know of standard streams, beside criu's images and under the name that runc has for it. */
export const DESCRIPTORS_FILE = 'descriptors.json'

export interface CheckpointOptions extends CriuFlags {
  /** Host path of the directory that the checkpoint is written to; made where there is none. */
  readonly imagePath: string
  /** Of criu's log. Default: imagePath. */
  readonly workPath?: string
  /** Images of an earlier preDump, relative to imagePath: only what has changed since is written. */
  readonly parentPath?: string
  /** Gets the memory, which then is not written to imagePath: a `criu page-server`. */
  readonly pageServer?: PageServer
  /** Writes memory alone, while the container runs on, for a later checkpoint to begin with. Default: false. */
  readonly preDump?: boolean
  /** The container runs on; else it is deleted. Default: false. */
  readonly leaveRunning?: boolean
  /** Told of each poststop hook that failed. */
  readonly onHookFailure?: (error: unknown) => void
}

/** @throws UtsuwaError CONTAINER_STATE unless it is running or paused; CRIU_FAILED: it runs on then; UNSUPPORTED */
export async function checkpoint(stateRoot: string, id: string, options: CheckpointOptions): Promise<void> {
  await dump(stateRoot, id, options)
  if (options.preDump || options.leaveRunning) return
  const { onHookFailure } = options
  await deleteContainer(stateRoot, id, { force: true, ...(onHookFailure === undefined ? {} : { onHookFailure }) })
}

async function dump(stateRoot: string, id: string, options: CheckpointOptions): Promise<void> {
  const operation = `checkpoint container ${id}`
  using _container = await lockContainer(stateRoot, id)
  const record = readRecord(stateRoot, id)
  const status = containerStatus(stateRoot, record)
  if (status !== 'running' && status !== 'paused')
    throw new UtsuwaError('CONTAINER_STATE', `container not running or paused: ${status}`, { operation })
  const { imagePath, workPath = imagePath, parentPath, preDump, leaveRunning, onHookFailure: _, ...flags } = options
  if (parentPath !== undefined && isAbsolute(parentPath))
    throw new UtsuwaError('INVALID_ARGUMENT', 'parent-path must be relative to image-path', { operation })
  using images = openDirectory(imagePath, operation)
  using work = openDirectory(workPath, operation)
  const spec = readSpec(stateRoot, id)
  await callCriu(operation, {
    type: preDump ? 'pre-dump' : 'dump',
    logPath: join(workPath, 'dump.log'),
    options: {
      ...flags,
      ...criuConfigOf(spec),
      imagesDirFd: images.fd,
      workDirFd: work.fd,
      logFile: 'dump.log',
      root: record.rootfs,
      pid: record.pid,
      leaveRunning: leaveRunning ?? false,
      ...(preDump || parentPath !== undefined ? { trackMemory: true } : {}),
      ...(parentPath === undefined ? {} : { parentImages: parentPath }),
      ...freezer(record),
      externalMounts: mountsToDump(spec, record, operation),
      external: [...externalNamespaces(spec, path => statSync(path).ino), ...record.streams.filter(isHostFile)],
    },
  })
  if (!preDump) writeFileSync(join(imagePath, DESCRIPTORS_FILE), JSON.stringify(record.streams), { mode: 0o600 })
}

/** Stops all processes at once; without it criu chases those that fork meanwhile. */
function freezer(record: ContainerRecord): { freezeCgroup?: string } {
  const freezeCgroup = findCgroupDirectory(record)
  return freezeCgroup === undefined ? {} : { freezeCgroup }
}

/** @throws UtsuwaError INVALID_ARGUMENT */
export function openDirectory(path: string, operation: string): Disposable & { readonly fd: number } {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const fd = openSync(path, constants.O_DIRECTORY)
    return { fd, [Symbol.dispose]: () => closeSync(fd) }
  } catch (cause) {
    const errno = errnoOf(cause)
    throw new UtsuwaError('INVALID_ARGUMENT', `cannot open directory ${path}`, {
      operation,
      path,
      cause,
      ...(errno === undefined ? {} : { errno }),
    })
  }
}

/** Mount point and name of each, the mount point as the container's mountinfo has it: links resolved. */
function mountsToDump(spec: RuntimeSpec, record: ContainerRecord, operation: string): [string, string][] {
  using root = openRootOfInit(record)
  if (root === undefined) throw new UtsuwaError('CONTAINER_STATE', 'it has ended', { operation })
  return externalMounts(spec, record.bundle).flatMap(({ name, containerPath, onlyFiles }): [string, string][] => {
    const fd = openPathInRoot(root.fd, containerPath)
    if (fd === undefined) return [] // a path to mask that the kernel does not have
    try {
      return onlyFiles && fstatSync(fd).isDirectory() ? [] : [[readlinkSync(`/proc/self/fd/${fd}`), name]]
    } finally {
      closeSync(fd)
    }
  })
}
