/** `explain`: where a process is: its namespaces, its cgroup with the limits of every level, what it may do, and who made it. */
import { basename } from 'node:path'
import { parseCgroupHierarchy, parseOwnCgroup } from '../../cgroup/hierarchy.ts'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { type ContainerRecord, listRecords } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { isAlive, readIfAny, readProcessStat } from '../../runtime/state/status.ts'
import { type Binding, type CgroupLevel, findBindings, readLevels } from './level-limits.ts'
import { type CgroupMaker, findMaker } from './maker.ts'
import { type NamespaceUse, readNamespaces } from './namespaces-of.ts'
import { type Privileges, readPrivileges } from './privileges.ts'

/** A process, and where it is. */
export interface ProcessExplanation {
  readonly pid: number
  /** Its arguments; of a kernel thread its name in brackets. */
  readonly command: string
  /** The processes that it descends from, its parent first. */
  readonly ancestors: readonly { readonly pid: number; readonly command: string }[]
  /** Undefined where neither its cgroup nor its ancestors tell. */
  readonly maker: Maker | undefined
  /** Of utsuwa, as this process sees it. */
  readonly container: { readonly id: string; readonly name: string | undefined } | undefined
  readonly namespaces: readonly NamespaceUse[]
  readonly cgroup: CgroupExplanation
  readonly privileges: Privileges
}

/** Who made the container or unit that a process is in, and how one can see that. */
export interface Maker extends Pick<CgroupMaker, 'engine'> {
  /** Of the container, where it is one; the unit's name for systemd. */
  readonly id: string | undefined
  /** Uid of the Kubernetes pod. */
  readonly pod?: string
  /** `cgroup /utsuwa/…`, `ancestor conmon`. */
  readonly evidence: readonly string[]
}

/** The cgroup of a process and those above it. */
export interface CgroupExplanation {
  /** Path in the v2 hierarchy as this process sees it; undefined without one. */
  readonly path: string | undefined
  /** Paths in v1 hierarchies, by their controllers. */
  readonly v1: Readonly<Record<string, string>>
  /** Controllers whose limits cannot be told, because a v1 hierarchy has them. */
  readonly unseenControllers: readonly string[]
  /** The root first. */
  readonly levels: readonly CgroupLevel[]
  /** For each resource that is limited, the level whose limit holds. */
  readonly bindings: readonly Binding[]
}

/**
 * Explains a running container of utsuwa by its name or id, or any process of this machine by its number, whoever made it.
 *
 * @param target a number is a PID as this process sees it
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING; INVALID_ARGUMENT when there is no such process
 */
export function explainProcess(
  target: string | number,
  { runRoot = DEFAULT_RUN_ROOT }: Pick<Roots, 'runRoot'> = {},
): ProcessExplanation {
  const { pid, startTime } = findProcess(String(target), runRoot)
  const privileges = readPrivileges(pid)
  if (privileges === undefined) throw noProcess(target)
  const ancestors = ancestorsOf(pid)
  const cgroup = explainCgroup(pid)
  const record = containerIn(runRoot, cgroup)
  const explanation = {
    pid,
    command: commandOf(pid),
    ancestors,
    maker: findProcessMaker(cgroup, ancestors, record),
    container: record && { id: record.id, name: record.managed?.name },
    namespaces: readNamespaces(pid),
    cgroup,
    privileges,
  }
  // All of it is about one process: a number may be another's meanwhile.
  if (readProcessStat(pid)?.startTime !== startTime) throw noProcess(target)
  return explanation
}

/** Digits are a PID, unless there is no such process: an id may begin with them. */
function findProcess(target: string, runRoot: string): { readonly pid: number; readonly startTime: number } {
  const isNumber = /^\d+$/.test(target)
  const stat = isNumber ? readProcessStat(Number(target)) : undefined
  if (stat !== undefined) return { pid: Number(target), startTime: stat.startTime }
  let record: ContainerRecord
  try {
    record = readByName(runRoot, target)
  } catch (error) {
    throw isNumber && isUtsuwaError(error, 'CONTAINER_NOT_FOUND') ? noProcess(target) : error
  }
  if (isAlive(record)) return { pid: record.pid, startTime: record.pidStartTime }
  throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'it does not run', {
    operation: `explain container ${target}`,
    hint: `utsuwa why ${target}`,
  })
}

function noProcess(target: string | number): UtsuwaError {
  return new UtsuwaError('INVALID_ARGUMENT', 'no such process, and no container of that name', {
    operation: `explain ${target}`,
  })
}

function commandOf(pid: number): string {
  const args = readIfAny(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim()
  return args || `[${readIfAny(`/proc/${pid}/comm`)?.trim() ?? ''}]`
}

function ancestorsOf(pid: number): ProcessExplanation['ancestors'] {
  const ancestors: { pid: number; command: string }[] = []
  for (let parent = parentOf(pid); parent > 0; parent = parentOf(parent))
    ancestors.push({ pid: parent, command: commandOf(parent) })
  return ancestors
}

function parentOf(pid: number): number {
  return readProcessStat(pid)?.parent ?? 0
}

function explainCgroup(pid: number): CgroupExplanation {
  const text = readIfAny(`/proc/${pid}/cgroup`) ?? ''
  const { mountHostPath, v1Controllers } = parseCgroupHierarchy(readIfAny('/proc/self/mountinfo') ?? '')
  const path = parseOwnCgroup(text)
  // A path that begins with `..` is above what this process may see: cgroup_namespaces(7).
  const levels = mountHostPath === undefined || !path || path.startsWith('/..') ? [] : readLevels(mountHostPath, path)
  const v1 = [...text.matchAll(/^\d+:([^:]+):(.*)$/gm)].map(([, controllers, place]) => [controllers!, place!] as const)
  return {
    path,
    v1: Object.fromEntries(v1),
    unseenControllers: v1Controllers.filter(name => LIMITING.has(name)),
    levels,
    bindings: findBindings(levels),
  }
}

const LIMITING = new Set(['memory', 'cpu', 'pids', 'cpuset', 'blkio', 'hugetlb'])

/** By the cgroup, which every process of a container is in or below. */
function containerIn(runRoot: string, { path }: CgroupExplanation): ContainerRecord | undefined {
  if (path === undefined) return undefined
  return listRecords(containersDirectory(runRoot)).find(
    ({ cgroup }) => cgroup !== undefined && (path === cgroup.path || path.startsWith(`${cgroup.path}/`)),
  )
}

/** What the program that is the parent of a container's first process is called. */
const parents: readonly (readonly [RegExp, CgroupMaker['engine']])[] = [
  [/^containerd-shim/, 'containerd'],
  [/^conmon/, 'podman'],
  [/^utsuwa-monitor/, 'utsuwa'],
  [/^lxc-start|^\[lxc monitor\]/, 'lxc'],
  [/^systemd-nspawn/, 'nspawn'],
]

/** @param ancestors its parent first */
export function findProcessMaker(
  { path, v1 }: Pick<CgroupExplanation, 'path' | 'v1'>,
  ancestors: ProcessExplanation['ancestors'],
  record?: Pick<ContainerRecord, 'id' | 'cgroup'>,
): Maker | undefined {
  // In a hybrid hierarchy an engine may use v1 alone, and then v2 says nothing but systemd's unit.
  const makers = [path, ...Object.values(v1)].flatMap(each => (each === undefined ? [] : (findMaker(each) ?? [])))
  const byPath = makers.find(({ engine }) => engine !== 'systemd') ?? makers[0]
  const byParent = ancestors.flatMap(({ command }) => {
    const program = basename(command.split(' ', 1)[0]!)
    const engine = parents.find(([pattern]) => pattern.test(program))?.[1]
    return engine === undefined ? [] : [{ engine, program }]
  })[0]
  const evidence = [
    ...(byPath === undefined ? [] : [`cgroup ${byPath.cgroup}`]),
    ...(byParent === undefined ? [] : [`ancestor ${byParent.program}`]),
    ...(record === undefined ? [] : ['a container of utsuwa has this cgroup']),
  ]
  if (record !== undefined) return { engine: 'utsuwa', id: record.id, evidence }
  const isUnit = byPath === undefined || byPath.engine === 'systemd'
  if (isUnit && byParent !== undefined) return { engine: byParent.engine, id: undefined, evidence }
  if (byPath === undefined) return undefined
  const { engine, id, pod } = byPath
  return { engine, id, ...(pod === undefined ? {} : { pod }), evidence }
}
