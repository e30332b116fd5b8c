/**
 * The trees of mounts that the container's init, inside a user namespace, may not open, or not map: id-mapped ones
 * (config.md, "Mounts"; mount_setattr(2), "ID-mapped mounts"), and those below directories closed to its root.
 */
import { closeSync } from 'node:fs'
import { resolve } from 'node:path'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import type { CompiledPlan, DescriptorName } from '../plan/compile.ts'
import { type MountOptions, parseMountOptions } from '../plan/mount-options.ts'
import { isIdMapped } from '../plan/mounts.ts'
import { formatIdMap } from '../plan/namespaces.ts'
import type { Mount, RuntimeSpec } from '../spec/runtime.ts'
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
  const uids = mount.uidMappings ?? linux.uidMappings
  const gids = mount.gidMappings ?? linux.gidMappings
  if (!uids?.length || !gids?.length)
    throw new UtsuwaError('INVALID_SPEC', 'an id-mapped mount needs mappings, of its own or of the user namespace', {
      configPointer,
    })
  const tree = openSource(source, options, configPointer)
  try {
    const userNamespace = sys.userNamespace(formatIdMap(uids), formatIdMap(gids))
    try {
      sys.idmapMount(tree, userNamespace, options.idmap === 'recursive')
    } finally {
      closeSync(userNamespace)
    }
    return tree
  } catch (error) {
    closeSync(tree)
    throw error
  }
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
