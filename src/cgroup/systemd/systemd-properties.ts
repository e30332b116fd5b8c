/**
 * Limits as properties of a unit. systemd writes the files of its cgroups again at each daemon-reload, with what it
 * knows, and with the kernel's defaults where it knows nothing; so it has to know of every limit in a file that it
 * writes: those of the table below. All other files it leaves alone.
 */
import { cpuBitmap } from '../../util/cpu-list.ts'
import type { CgroupWrite } from '../limits/write.ts'
import type { SystemdUnit } from './systemd-unit.ts'

/** A property as D-Bus has it: its type signature, and its value as words of busctl(1), arrays with their length. */
export interface SystemdProperty {
  readonly name: string
  readonly type: string
  readonly value: readonly string[]
  /** The version of systemd that brought it; absent where every version that runs on cgroup v2 has it. */
  readonly since?: number | undefined
}

/** A value of 64 bits that means no limit. */
const INFINITY = String(2n ** 64n - 1n)

/** The properties that every scope gets, with its limits. */
export function scopeProperties(unit: SystemdUnit, id: string, limits: readonly SystemdProperty[]): SystemdProperty[] {
  return [
    { name: 'Description', type: 's', value: [`utsuwa container ${id}`] },
    { name: 'Slice', type: 's', value: [unit.slice] },
    flag('Delegate', true),
    // No After= and Conflicts= with shutdown.target: who stops at shutdown, and when, is for the engine to say.
    flag('DefaultDependencies', false),
    ...['CPUAccounting', 'MemoryAccounting', 'IOAccounting', 'TasksAccounting'].map(name => flag(name, true)),
    ...limits,
  ]
}

/** The limits among these writes that systemd knows. Of several for one property the last holds, as with the files. */
export function limitProperties(writes: readonly CgroupWrite[]): SystemdProperty[] {
  const properties = new Map<string, SystemdProperty>()
  for (const { file, value } of writes)
    for (const property of translate[file]?.(value.trim()) ?? []) properties.set(property.name, property)
  return [...properties.values()]
}

type Translation = (value: string) => SystemdProperty[]

/** A value that the kernel will refuse is left out: its error, at the write, says more. */
const translate: Readonly<Record<string, Translation>> = {
  'memory.min': size('MemoryMin'),
  'memory.low': size('MemoryLow'),
  'memory.high': size('MemoryHigh'),
  'memory.max': size('MemoryMax'),
  'memory.swap.max': size('MemorySwapMax'),
  'memory.zswap.max': size('MemoryZSwapMax', 253),
  'memory.oom.group': value => [
    { name: 'OOMPolicy', type: 's', value: [value === '1' ? 'kill' : 'continue'], since: 253 },
  ],
  'pids.max': size('TasksMax'),
  'cpu.weight': number('CPUWeight'),
  'cpu.idle': value => (value === '1' ? [{ name: 'CPUWeight', type: 't', value: ['0'], since: 252 }] : []),
  'cpu.max': bandwidth,
  'cpuset.cpus': bitmap('AllowedCPUs'),
  'cpuset.mems': bitmap('AllowedMemoryNodes'),
  'io.weight': value => number('IOWeight')(value.replace(/^default\s+/, '')),
}

function number(name: string): Translation {
  return value => (/^\d+$/.test(value) ? [{ name, type: 't', value: [value] }] : [])
}

/** `max`, or a number with a binary suffix, as the kernel's memparse() takes it. */
function size(name: string, since?: number): Translation {
  return value => {
    const [, digits, suffix = ''] = /^(\d+)([KMGTPE]?)$/i.exec(value) ?? []
    if (digits === undefined && value !== 'max') return []
    const shift = suffix === '' ? 0n : BigInt('KMGTPE'.indexOf(suffix.toUpperCase()) + 1) * 10n
    const bytes = digits === undefined ? INFINITY : String(BigInt(digits) << shift)
    return [{ name, type: 't', value: [bytes], since }]
  }
}

const PERCENT_USEC = 10_000
const DEFAULT_PERIOD_USEC = 100_000

/**
 * systemd keeps a quota in whole percent of a CPU. It is rounded up, so that what is left of a limit after a
 * daemon-reload never is less than what was asked for.
 */
function bandwidth(value: string): SystemdProperty[] {
  const [, quota, period] = /^(max|\d+)(?:\s+(\d+))?$/.exec(value) ?? []
  if (quota === undefined || Number(period ?? 1) === 0) return []
  const perSecond = (Number(quota) * 1_000_000) / Number(period ?? DEFAULT_PERIOD_USEC)
  const rounded = quota === 'max' ? INFINITY : String(Math.ceil(perSecond / PERCENT_USEC) * PERCENT_USEC)
  return [
    { name: 'CPUQuotaPerSecUSec', type: 't', value: [rounded] },
    ...(period === undefined ? [] : [{ name: 'CPUQuotaPeriodUSec', type: 't', value: [period] }]),
  ]
}

function bitmap(name: string): Translation {
  return value => {
    if (!/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/.test(value)) return []
    const bytes = cpuBitmap(value)
    return [{ name, type: 'ay', value: [String(bytes.length), ...Array.from(bytes, String)] }]
  }
}

function flag(name: string, value: boolean): SystemdProperty {
  return { name, type: 'b', value: [String(value)] }
}
