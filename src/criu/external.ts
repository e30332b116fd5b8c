/**
 * What of a container is not its own, and therefore not in a checkpoint: bind mounts, masks, namespaces that it joined.
 * Each has a name in the checkpoint, by which a restore says what takes its place.
 */
import { join, resolve } from 'node:path/posix'
import { UtsuwaError } from '../errors.ts'
import type { LinuxNamespaceType, Mount, RuntimeSpec } from '../spec/runtime.ts'

/** runc's names, so that checkpoints may change hands. */
const MASK = '/dev/null'
const namespaceNames: Partial<Record<LinuxNamespaceType, readonly [string, string]>> = {
  network: ['net', 'extRootNetNS'],
  pid: ['pid', 'extRootPidNS'],
}

/** Those that criu joins by itself at a restore, under its names. */
const joinedByCriu: Partial<Record<LinuxNamespaceType, string>> = { ipc: 'ipc', uts: 'uts', time: 'time', user: 'user' }

export interface ExternalMount {
  readonly name: string
  /** As the spec has it: links on the way are yet to be resolved. */
  readonly containerPath: string
  readonly hostPath: string
  /** A masked path that is a directory is a file system of the container's own. */
  readonly onlyFiles: boolean
}

/** @param bundlePath what relative sources are relative to */
export function externalMounts(spec: RuntimeSpec, bundlePath: string): ExternalMount[] {
  const { mounts = [], linux = {} } = spec
  const hasUserNamespace = linux.namespaces?.some(({ type }) => type === 'user') ?? false
  return [
    ...mounts.filter(isBind).map(({ destination, source = '' }) => {
      const path = resolve('/', destination)
      return { name: path, containerPath: path, hostPath: resolve(bundlePath, source), onlyFiles: false }
    }),
    ...(linux.maskedPaths ?? []).map(path => {
      return { name: MASK, containerPath: path, hostPath: MASK, onlyFiles: true }
    }),
    // Elsewhere they are nodes in a tmpfs.
    ...(hasUserNamespace ? (linux.devices ?? []) : []).map(({ path }) => {
      return { name: path, containerPath: path, hostPath: path, onlyFiles: true }
    }),
  ]
}

export function isBind({ type, options = [] }: Mount): boolean {
  return type === 'bind' || options.includes('bind') || options.includes('rbind')
}

/** Destinations that the root file system itself must have, with what is mounted there. */
export function mountPointsInRoot(
  { mounts = [] }: RuntimeSpec,
  bundlePath: string,
): { path: string; source?: string }[] {
  const paths = mounts.map(({ destination }) => resolve('/', destination))
  return mounts.flatMap((mount, index) => {
    const path = paths[index]!
    if (paths.some(other => path.startsWith(join(other, '/')))) return []
    return [isBind(mount) ? { path, source: resolve(bundlePath, mount.source ?? '') } : { path }]
  })
}

/** @returns `net[INODE]:NAME`; @param inodeOf the file that stands for a namespace */
export function externalNamespaces(spec: RuntimeSpec, inodeOf: (path: string) => number): string[] {
  return joined(spec).flatMap(({ type, path }) => {
    const [kind, name] = namespaceNames[type] ?? []
    return kind === undefined ? [] : [`${kind}[${inodeOf(path)}]:${name}`]
  })
}

export interface NamespacesToRestoreInto {
  /** Name in the checkpoint and path of the namespace, to be inherited as a descriptor. */
  readonly inherited: readonly (readonly [string, string])[]
  readonly joined: readonly { readonly type: string; readonly path: string }[]
}

/** @throws UtsuwaError UNSUPPORTED for one that criu cannot restore into */
export function namespacesToRestoreInto(spec: RuntimeSpec): NamespacesToRestoreInto {
  const inherited: [string, string][] = []
  const others: { type: string; path: string }[] = []
  for (const { type, path } of joined(spec)) {
    const name = namespaceNames[type]?.[1]
    const criuType = joinedByCriu[type]
    if (name !== undefined) inherited.push([name, path])
    else if (criuType !== undefined) others.push({ type: criuType, path })
    else
      throw new UtsuwaError('UNSUPPORTED', `a container cannot be restored into a ${type} namespace that exists`, {
        configPointer: '/linux/namespaces',
      })
  }
  return { inherited, joined: others }
}

function joined({ linux = {} }: RuntimeSpec): { type: LinuxNamespaceType; path: string }[] {
  return (linux.namespaces ?? []).flatMap(({ type, path }) => (path ? [{ type, path }] : []))
}

/** `org.criu.config`: criu's own file of options for a container, as runc has it. */
export const CRIU_CONFIG_ANNOTATION = 'org.criu.config'

export function criuConfigOf({ annotations = {} }: RuntimeSpec): { configFile?: string } {
  const configFile = annotations[CRIU_CONFIG_ANNOTATION]
  return configFile ? { configFile } : {}
}
