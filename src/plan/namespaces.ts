/** namespaces(7): what is made by clone, what is joined, and in which order. */
import { UtsuwaError } from '../errors.ts'
import type { IdMapping, LinuxNamespace, LinuxNamespaceType, RuntimeSpec } from '../spec/runtime.ts'
import type { Operation } from './ops.ts'
import { type RestrictedCaller, writeIdMap } from './rootless.ts'

export const cloneFlags: Record<LinuxNamespaceType, number> = {
  time: 0x80,
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
}

/** A user namespace is joined first, since it owns the others; the mount namespace last, since paths change with it. */
const joinOrder: readonly LinuxNamespaceType[] = ['user', 'ipc', 'uts', 'network', 'pid', 'cgroup', 'time', 'mount']

export class Namespaces {
  readonly #namespaces: readonly LinuxNamespace[]
  readonly #moved: boolean

  /** @param moved whether the process comes into its cgroup after it exists: a scope of systemd starts with a PID */
  constructor(spec: RuntimeSpec, { moved = false } = {}) {
    this.#namespaces = spec.linux?.namespaces ?? []
    this.#moved = moved
    if (!this.has('mount'))
      throw new UtsuwaError('INVALID_SPEC', 'a container needs a mount namespace of its own, or one to join', {
        configPointer: '/linux/namespaces',
      })
  }

  /** New or joined. */
  has(type: LinuxNamespaceType): boolean {
    return this.#namespaces.some(namespace => namespace.type === type)
  }

  isNew(type: LinuxNamespaceType): boolean {
    return this.#namespaces.some(namespace => namespace.type === type && !namespace.path)
  }

  pathOf(type: LinuxNamespaceType): string | undefined {
    return this.#namespaces.find(namespace => namespace.type === type)?.path || undefined
  }

  /**
   * The namespaces to make with clone3. A new one belongs to the user namespace it is made in, so when a user namespace
   * is joined the others are made afterwards, by unshare. A time namespace always is, since its offsets must be written
   * while no process is in it; then a PID namespace is too, since the fork that enters the one would be refused to the first
   * process of the other (CLONE_PARENT, clone(2)). A cgroup namespace shows the cgroup that its maker was in, so one who
   * is moved makes it when that is done.
   */
  cloneFlags(): number {
    if (this.pathOf('user') !== undefined) return 0
    const later = this.isNew('time') ? cloneFlags.time | cloneFlags.pid : 0
    return this.#newFlags() & ~later & ~this.#flagsAfterMove()
  }

  #flagsAfterMove(): number {
    return this.#moved && this.isNew('cgroup') ? cloneFlags.cgroup : 0
  }

  #newFlags(): number {
    return this.#namespaces.filter(({ path }) => !path).reduce((flags, { type }) => flags | cloneFlags[type], 0)
  }

  join(timeOffsets: string | undefined): Operation[] {
    const joins = joinOrder.flatMap((kind): Operation[] => {
      const path = this.pathOf(kind)
      if (path === undefined) return []
      return [{ op: 'join_namespace', kind, path, pointer: `${this.#pointerOf(kind)}/path` }]
    })
    const unshared = this.#newFlags() & ~this.cloneFlags() & ~this.#flagsAfterMove()
    const operations = [...joins]
    if (unshared !== 0) operations.push({ op: 'unshare', flags: unshared, pointer: '/linux/namespaces' })
    if (timeOffsets !== undefined)
      operations.push({ op: 'set_time_offsets', offsets: timeOffsets, pointer: '/linux/timeOffsets' })
    const needsFork = this.pathOf('pid') !== undefined || this.pathOf('time') !== undefined
    if (needsFork || (unshared & (cloneFlags.pid | cloneFlags.time)) !== 0)
      operations.push({ op: 'fork', pointer: '/linux/namespaces' })
    return [...operations, ...this.#move()]
  }

  /** Behind the fork: the PID that systemd gets is the last. */
  #move(): Operation[] {
    if (!this.#moved) return []
    const barrier: Operation = { op: 'barrier', name: 'cgroup', pointer: '/linux/cgroupsPath' }
    const flags = this.#flagsAfterMove()
    return flags === 0 ? [barrier] : [barrier, { op: 'unshare', flags, pointer: '/linux/namespaces' }]
  }

  #pointerOf(type: LinuxNamespaceType): string {
    return `/linux/namespaces/${this.#namespaces.findIndex(namespace => namespace.type === type)}`
  }
}

/** user_namespaces(7): a line `inside outside length` for each mapping. */
export function formatIdMap(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')
}

export function compileIdMaps(
  { linux: { uidMappings = [], gidMappings = [] } = {} }: RuntimeSpec,
  namespaces: Namespaces,
  caller: RestrictedCaller | undefined,
): Operation[] {
  if (!namespaces.isNew('user')) return []
  const write = (file: 'uid_map' | 'gid_map', mappings: readonly IdMapping[], pointer: string): Operation[] =>
    mappings.length === 0 ? [] : writeIdMap({ file, content: formatIdMap(mappings), pointer }, mappings, caller)
  return [
    ...write('uid_map', uidMappings, '/linux/uidMappings'),
    ...write('gid_map', gidMappings, '/linux/gidMappings'),
  ]
}

/** time_namespaces(7): a line `clock seconds nanoseconds` for each offset. */
export function formatTimeOffsets({ linux = {} }: RuntimeSpec): string | undefined {
  const lines = Object.entries(linux.timeOffsets ?? {}).map(
    ([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`,
  )
  return lines.length === 0 ? undefined : lines.join('')
}
