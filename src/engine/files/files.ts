/** Files of a container, given as data. */
import { closeSync } from 'node:fs'
import { resolve } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import type { IdMapping, RuntimeSpec } from '../../spec/runtime.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { openRootDirectory } from './container-files.ts'
import { type MapOwner, RootWriter } from './root-writer.ts'

/** A file given as data. */
export interface FileData {
  /** Text is written as UTF-8. */
  readonly content: string | Uint8Array
  /** Permission bits. Default: 0o644. */
  readonly mode?: number
  /** As the container has it. Default: 0. */
  readonly uid?: number
  /** As the container has it. Default: 0. */
  readonly gid?: number
}

/** By path in the container; the content alone, or with mode and owner. */
export type Files = Readonly<Record<string, string | Uint8Array | FileData>>

const DEFAULT_MODE = 0o644

/** @throws UtsuwaError INVALID_ARGUMENT, NO_SPACE, KERNEL_OPERATION_FAILED, ABORTED; those before it are written */
export async function writeFiles(writer: RootWriter, files: Files, signal?: AbortSignal): Promise<void> {
  for (const [path, file] of Object.entries(files)) {
    throwIfAborted(signal)
    const { content, mode = DEFAULT_MODE, uid = 0, gid = 0 } = isContent(file) ? { content: file } : file
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    await writer.file(path, bytes, mode, { uid, gid })
  }
}

function isContent(file: Files[string]): file is string | Uint8Array {
  return typeof file === 'string' || file instanceof Uint8Array
}

/** The same in the root file system of a spec whose container does not exist yet. */
export async function writeFilesOfSpec(spec: RuntimeSpec, bundlePath: string, files: Files): Promise<void> {
  const rootFd = openRootDirectory(resolve(bundlePath, spec.root?.path ?? ''))
  try {
    await writeFiles(new RootWriter(rootFd, ownersOf(spec)), files)
  } finally {
    closeSync(rootFd)
  }
}

function ownersOf({ linux = {} }: RuntimeSpec): MapOwner {
  if (linux.namespaces?.every(({ type }) => type !== 'user') ?? true) return owner => owner
  return mappedOwners(linux.uidMappings ?? [], linux.gidMappings ?? [])
}

/** By the lines of two id maps. */
export function mappedOwners(uids: readonly IdMapping[], gids: readonly IdMapping[]): MapOwner {
  return ({ uid, gid }) => ({ uid: mapId(uids, uid), gid: mapId(gids, gid) })
}

function mapId(mappings: readonly IdMapping[], id: number): number {
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size)
  if (mapping !== undefined) return mapping.hostID + id - mapping.containerID
  throw new UtsuwaError('INVALID_ARGUMENT', `the container's user namespace has no id ${id}`, {
    operation: 'choose the owner of a file',
  })
}
