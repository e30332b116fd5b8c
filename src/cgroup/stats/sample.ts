/** What the files of a cgroup said at one moment: as the kernel wrote it, and as figures. */
import { withoutUndefined } from '../../util/without-undefined.ts'
import { type CgroupStats, parseCgroupStats, parseFlatKeyed } from './stats.ts'

/** The files of a cgroup at one moment. */
export interface CgroupSample {
  /** Microseconds since the epoch, on a clock that does not jump while this process lives. */
  readonly atUsec: number
  /**
   * Texts by the name of the file, line feeds included. Files that the kernel or a missing controller leaves out are
   * missing; those that are dear to read are as old as the sampler says.
   */
  readonly files: Readonly<Record<string, string>>
}

/** Absent: no limit, or no such controller. */
export interface CgroupLimits {
  readonly memoryMinBytes?: number
  readonly memoryLowBytes?: number
  readonly memoryHighBytes?: number
  readonly memoryMaxBytes?: number
  readonly swapHighBytes?: number
  readonly swapMaxBytes?: number
  /** CPU time in each period, and the length of a period. */
  readonly cpuQuotaUsec?: number
  readonly cpuPeriodUsec?: number
  readonly cpuBurstUsec?: number
  readonly cpuWeight?: number
  readonly pidsMax?: number
  /** Lines of io.max: `8:0 rbps=1048576 wbps=max riops=max wiops=max`. */
  readonly io?: readonly string[]
}

/** A sample as figures. */
export interface ParsedSample extends CgroupStats {
  readonly atUsec: number
  readonly limits: CgroupLimits
  /** memory.stat as it is: bytes by kind, and counters. */
  readonly memoryStat: ReadonlyMap<string, number>
  /** memory.swap.events: how often swap hit its limit, and how often it could not be allocated. */
  readonly swapEvents: { readonly max: number; readonly fail: number } | undefined
  readonly frozen: boolean
}

/** Figures of the texts; parts are absent where the files are. */
export function parseSample({ atUsec, files }: CgroupSample): ParsedSample {
  const swapEvents = files['memory.swap.events']
  return {
    ...parseCgroupStats(file => files[file]),
    atUsec,
    limits: parseLimits(files),
    memoryStat: parseFlatKeyed(files['memory.stat'] ?? ''),
    swapEvents: swapEvents === undefined ? undefined : parseSwapEvents(swapEvents),
    frozen: parseFlatKeyed(files['cgroup.events'] ?? '').get('frozen') === 1,
  }
}

function parseSwapEvents(text: string): { max: number; fail: number } {
  const counters = parseFlatKeyed(text)
  return { max: counters.get('max') ?? 0, fail: counters.get('fail') ?? 0 }
}

/** @param files texts by name */
export function parseLimits(files: Readonly<Record<string, string>>): CgroupLimits {
  const [quota, period] = files['cpu.max']?.trim().split(' ') ?? []
  return withoutUndefined<CgroupLimits>({
    memoryMinBytes: limitOf(files['memory.min']) || undefined,
    memoryLowBytes: limitOf(files['memory.low']) || undefined,
    memoryHighBytes: limitOf(files['memory.high']),
    memoryMaxBytes: limitOf(files['memory.max']),
    swapHighBytes: limitOf(files['memory.swap.high']),
    swapMaxBytes: limitOf(files['memory.swap.max']),
    cpuQuotaUsec: limitOf(quota),
    cpuPeriodUsec: limitOf(quota) === undefined ? undefined : limitOf(period),
    cpuBurstUsec: limitOf(files['cpu.max.burst']) || undefined,
    cpuWeight: limitOf(files['cpu.weight']),
    pidsMax: limitOf(files['pids.max']),
    io: files['io.max']?.split('\n').filter(Boolean),
  })
}

function limitOf(text: string | undefined): number | undefined {
  const word = text?.trim()
  return word === undefined || word === '' || word === 'max' ? undefined : Number(word)
}
