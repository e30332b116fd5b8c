import type { LinuxCpu } from '../../spec/runtime.ts'
import { type CgroupWrite, invalidLimit, isSet, notOnV2, writer } from './write.ts'

/** Microseconds; the kernel's own default. */
const DEFAULT_PERIOD = 100_000

export function compileCpu(cpu: LinuxCpu): CgroupWrite[] {
  refuseRealtime(cpu)
  const write = writer('cpu', 'cpu')
  const writeCpuset = writer('cpuset', 'cpu')
  const idle = cpu.idle === undefined ? [] : [write('idle', 'cpu.idle', String(cpu.idle))]
  const weight = isSet(cpu.shares) ? [write('shares', 'cpu.weight', String(sharesToWeight(Number(cpu.shares))))] : []
  return [
    ...(cpu.idle === 0 ? [...idle, ...weight] : [...weight, ...idle]),
    ...compileBandwidth(cpu),
    ...(cpu.cpus ? [writeCpuset('cpus', 'cpuset.cpus', cpu.cpus)] : []),
    ...(cpu.mems ? [writeCpuset('mems', 'cpuset.mems', cpu.mems)] : []),
  ]
}

function compileBandwidth({ quota, period, burst }: LinuxCpu): CgroupWrite[] {
  const write = writer('cpu', 'cpu')
  const writes: CgroupWrite[] = []
  if (isSet(quota) || isSet(period)) {
    const limit = isSet(quota) && BigInt(quota) > 0n ? String(quota) : 'max'
    writes.push(
      write(isSet(quota) ? 'quota' : 'period', 'cpu.max', `${limit} ${isSet(period) ? period : DEFAULT_PERIOD}`),
    )
  }
  if (burst !== undefined) {
    if (isSet(quota) && BigInt(quota) > 0n && BigInt(burst) > BigInt(quota)) {
      throw invalidLimit('cpu/burst', `cpu burst (${burst}) is larger than the quota (${quota})`)
    }
    writes.push(write('burst', 'cpu.max.burst', String(burst)))
  }
  return writes
}

const MIN_SHARES = 2
const MAX_SHARES = 262_144

/**
 * cgroup v1's shares (2 to 262144, default 1024) to v2's weight (1 to 10000, default 100).
 *
 * The exponent is the quadratic in log2(shares) that maps both ends and the default on each other, as runc 1.4 and
 * crun 1.23 do. The linear formula of earlier versions gave the default of 1024 shares a weight of 39: containers got
 * less than half the time of everything else on the machine, which runs at 100.
 */
export function sharesToWeight(shares: number): number {
  if (shares <= MIN_SHARES) return 1
  if (shares >= MAX_SHARES) return 10_000
  const log = Math.log2(shares)
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))
}

function refuseRealtime({ realtimeRuntime, realtimePeriod }: LinuxCpu): void {
  const instead = 'use process.scheduler with SCHED_DEADLINE, which needs no cgroup'
  if (isSet(realtimeRuntime)) throw notOnV2('cpu/realtimeRuntime', instead)
  if (isSet(realtimePeriod)) throw notOnV2('cpu/realtimePeriod', instead)
}
