/**
 * The trees of mounts that the container's init, inside a user namespace, may not open, or not map: id-mapped ones
 * (config.md, "Mounts"; mount_setattr(2), "ID-mapped mounts"), and those below directories closed to its root.
 */
import { closeSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import type { CompiledPlan, DescriptorName } from '../plan/compile.ts'
import { type MountOptions, parseMountOptions } from '../plan/mount-options.ts'
import { isIdMapped } from '../plan/mounts.ts'
import { formatIdMap } from '../plan/namespaces.ts'
import type { Linux, Mount, RuntimeSpec } from '../spec/runtime.ts'
import { constants, sys } from '../sys/index.ts'

const { AT_FDCWD, AT_RECURSIVE, OPEN_TREE_CLONE } = constants

export type MountTrees = Disposable & { readonly fds: Partial<Record<DescriptorName, number>> }

/**
 * @param descriptors of the plan: they name the mounts
 * @throws UtsuwaError INVALID_SPEC without mappings; the kernel's, where there is no source, or a file system cannot be
 *   id-mapped
 */
export function openMountTrees(
  { descriptors }: Pick<CompiledPlan, 'descriptors'>,
  spec: RuntimeSpec,
  bundlePath: string,
): MountTrees {
  const fds: Partial<Record<DescriptorName, number>> = {}
  const dispose = (): void => {
    for (const fd of Object.values(fds)) if (fd !== undefined) closeSync(fd)
  }
  try {
    for (const [index, mount] of (spec.mounts ?? []).entries())
      if (descriptors.includes(`mount/${index}`))
        fds[`mount/${index}`] = openTree(mount, `/mounts/${index}`, spec, bundlePath)
    return { fds, [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

function openTree(mount: Mount, configPointer: string, { linux = {} }: RuntimeSpec, bundlePath: string): number {
  const options = parseMountOptions(mount.options)
  const source = resolve(bundlePath, mount.source ?? '')
  if (!isIdMapped(mount)) return openSource(source, options, configPointer)
  const userNamespace = openMaps(mount, linux, configPointer)
  try {
    return withIds(openSource(source, options, configPointer), userNamespace, options.idmap === 'recursive')
  } finally {
    closeSync(userNamespace)
  }
}

/** A detached tree of mounts with the ids of a user namespace; it is closed when that fails. */
export function withIds(tree: number, userNamespaceFd: number, recursive: boolean): number {
  try {
    sys.idmapMount(tree, userNamespaceFd, recursive)
    return tree
  } catch (error) {
    closeSync(tree)
    throw error
  }
}

/** A user namespace with the maps of the mount, or else of the container, be it new or joined. */
function openMaps(mount: Mount, linux: Linux, configPointer: string): number {
  const uids = mount.uidMappings ?? linux.uidMappings
  const gids = mount.gidMappings ?? linux.gidMappings
  if (uids?.length && gids?.length) return sys.userNamespace(formatIdMap(uids), formatIdMap(gids))
  const joined = linux.namespaces?.find(({ type }) => type === 'user')?.path
  if (joined !== undefined) return openSync(joined, 'r')
  throw new UtsuwaError('INVALID_SPEC', 'an id-mapped mount needs mappings, of its own or of the user namespace', {
    configPointer,
  })
}

function openSource(path: string, { recursiveBind }: MountOptions, configPointer: string): number {
  try {
    return sys.openTree(AT_FDCWD, path, OPEN_TREE_CLONE | (recursiveBind ? AT_RECURSIVE : 0))
  } catch (cause) {
    if (!isUtsuwaError(cause) || cause.errno === undefined) throw cause
    const { code, operation, errno } = cause
    throw new UtsuwaError(code, undefined, { operation: operation!, path, errno, configPointer, cause })
  }
}
