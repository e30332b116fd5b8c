/** The limits of a cgroup and of all above it, what is used at each level, and which of them binds. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { levelsTo } from '../../cgroup/levels.ts'
import { parseCpuMax } from '../../cgroup/stats/cpu-max.ts'
import { readCgroupFile } from '../../cgroup/stats/read-file.ts'
import { parseFlatKeyed } from '../../cgroup/stats/stats.ts'
import { isErrno } from '../../util/errno.ts'

/** A limit that the kernel applies at every level: the smallest holds. */
export type BoundResource = 'memory' | 'memoryHigh' | 'swap' | 'cpu' | 'pids'

/** Undefined: not known, for want of the controller or of permission, or not of this kind. */
export interface LevelUse {
  /** Bytes, processes, or CPUs; infinite without a limit. */
  readonly limit: number
  /** The same; undefined for the CPU, of which there is no present use without a second look. */
  readonly used: number | undefined
}

export interface CgroupLevel {
  /** Below the mount. */
  readonly path: string
  readonly bounds: Partial<Record<BoundResource, LevelUse>>
  /** Files that say something else than the kernel does by itself: weights, protections, io.max, hugetlb, cpuset. */
  readonly settings: Readonly<Record<string, string>>
  /** Periods that ended in throttling by cpu.max, of this level. */
  readonly throttledPeriods: number | undefined
}

/** The level whose limit is the smallest. */
export interface Binding {
  readonly resource: BoundResource
  readonly path: string
  readonly limit: number
  /** Where the least is left of a limit, which others that share it have used up perhaps. */
  readonly tightest?: { readonly path: string; readonly left: number }
}

interface BoundFiles {
  readonly limit: string
  readonly used?: string
  readonly parse?: (text: string) => number
}

const bounds: Readonly<Record<BoundResource, BoundFiles>> = {
  memory: { limit: 'memory.max', used: 'memory.current' },
  memoryHigh: { limit: 'memory.high', used: 'memory.current' },
  swap: { limit: 'memory.swap.max', used: 'memory.swap.current' },
  cpu: { limit: 'cpu.max', parse: parseCpuMax },
  pids: { limit: 'pids.max', used: 'pids.current' },
}

/** What the kernel has by itself. */
const defaults: Readonly<Record<string, string>> = {
  'memory.min': '0',
  'memory.low': '0',
  'memory.oom.group': '0',
  'memory.zswap.max': 'max',
  'cpu.weight': '100',
  'cpu.idle': '0',
  'cpu.max.burst': '0',
  'cpuset.cpus': '',
  'cpuset.mems': '',
  'io.max': '',
  'io.weight': 'default 100',
}

/** @param mount host path of cgroup v2; @param path below it. The root first. */
export function readLevels(mount: string, path: string): CgroupLevel[] {
  return levelsTo(path).map(level => readLevel(join(mount, level), level))
}

function readLevel(directory: string, path: string): CgroupLevel {
  const entries = Object.entries(bounds).flatMap(([resource, files]) => {
    const use = readUse(directory, files)
    return use === undefined ? [] : [[resource, use] as const]
  })
  const cpuStat = readCgroupFile(join(directory, 'cpu.stat'))
  return {
    path,
    bounds: Object.fromEntries(entries),
    settings: readSettings(directory),
    throttledPeriods: cpuStat === undefined ? undefined : parseFlatKeyed(cpuStat).get('nr_throttled'),
  }
}

/** The root has no limits, and `….current` of the pids controller alone; a level without limits is one without bounds. */
function readUse(directory: string, { limit, used, parse = parseLimit }: BoundFiles): LevelUse | undefined {
  const text = readCgroupFile(join(directory, limit))
  if (text === undefined) return undefined
  const use = used === undefined ? undefined : readCgroupFile(join(directory, used))
  return { limit: parse(text), used: use === undefined ? undefined : Number(use) }
}

function readSettings(directory: string): Record<string, string> {
  const files = [...Object.keys(defaults), ...hugetlbFiles(directory)]
  return Object.fromEntries(
    files.flatMap(file => {
      const text = readCgroupFile(join(directory, file))
      return text === undefined || text === (defaults[file] ?? 'max') || isNoLimit(text)
        ? []
        : [[file, text.replaceAll('\n', '; ')]]
    }),
  )
}

/** Pages as many as 63 bits can count: how hugetlb prints that there is no limit. */
function isNoLimit(text: string): boolean {
  return Number(text) >= 2 ** 62
}

function hugetlbFiles(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => /^hugetlb\.\w+\.max$/.test(name))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

function parseLimit(text: string): number {
  return text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
}

/** For each resource that is limited somewhere; of equal limits that of the lowest level. */
export function findBindings(levels: readonly CgroupLevel[]): Binding[] {
  return (Object.keys(bounds) as BoundResource[]).flatMap(resource => {
    const limited = levels.flatMap(({ path, bounds }) => {
      const use = bounds[resource]
      return use === undefined || use.limit === Number.POSITIVE_INFINITY ? [] : [{ path, ...use }]
    })
    const least = limited
      .toReversed()
      .reduce<(typeof limited)[number] | undefined>(
        (found, each) => (found === undefined || each.limit < found.limit ? each : found),
        undefined,
      )
    if (least === undefined) return []
    const left = limited.flatMap(({ path, limit, used }) => (used === undefined ? [] : [{ path, left: limit - used }]))
    const [tightest] = left.sort((a, b) => a.left - b.left)
    return [{ resource, path: least.path, limit: least.limit, ...(tightest && { tightest }) }]
  })
}
