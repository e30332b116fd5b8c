/**
 * The trees of id-mapped mounts (config.md, "Mounts"; mount_setattr(2), "ID-mapped mounts").
 *
 * They are opened and mapped here, by the caller: inside a user namespace the container's init may not.
 */
import { closeSync } from 'node:fs'
import { resolve } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import type { DescriptorName } from '../plan/compile.ts'
import { parseMountOptions } from '../plan/mount-options.ts'
import { isIdMapped } from '../plan/mounts.ts'
import { formatIdMap } from '../plan/namespaces.ts'
import type { Mount, RuntimeSpec } from '../spec/runtime.ts'
import { constants, sys } from '../sys/index.ts'

const { AT_FDCWD, AT_RECURSIVE, OPEN_TREE_CLONE } = constants

export type MountTrees = Disposable & { readonly fds: Partial<Record<DescriptorName, number>> }

/** @throws UtsuwaError INVALID_SPEC without mappings; the kernel's, where a file system cannot be id-mapped */
export function openIdMappedTrees(spec: RuntimeSpec, bundlePath: string): MountTrees {
  const fds: Partial<Record<DescriptorName, number>> = {}
  const dispose = (): void => {
    for (const fd of Object.values(fds)) if (fd !== undefined) closeSync(fd)
  }
  try {
    for (const [index, mount] of (spec.mounts ?? []).entries())
      if (isIdMapped(mount)) fds[`mount/${index}`] = openTree(mount, `/mounts/${index}`, spec, bundlePath)
    return { fds, [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

function openTree(mount: Mount, configPointer: string, { linux = {} }: RuntimeSpec, bundlePath: string): number {
  const options = parseMountOptions(mount.options)
  const uids = mount.uidMappings ?? linux.uidMappings
  const gids = mount.gidMappings ?? linux.gidMappings
  if (!uids?.length || !gids?.length)
    throw new UtsuwaError('INVALID_SPEC', 'an id-mapped mount needs mappings, of its own or of the user namespace', {
      configPointer,
    })
  const recursive = options.recursiveBind ? AT_RECURSIVE : 0
  const tree = sys.openTree(AT_FDCWD, resolve(bundlePath, mount.source ?? ''), OPEN_TREE_CLONE | recursive)
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
