/** What a cgroup says, for tests of the live view. */
import type { ParsedSample } from '../../../../src/index.ts'

/** Noon in the time zone of whoever reads. */
export const NOON = new Date(2026, 0, 1, 12, 0, 0).getTime()

export const MIB = 1024 * 1024

const line = (totalUsec: number) => ({ avg10: 0, avg60: 0, avg300: 0, totalUsec })

export interface Told {
  readonly memoryMiB?: number
  readonly usageUsec?: number
  readonly periods?: number
  readonly throttledPeriods?: number
  readonly throttledUsec?: number
  readonly pids?: number
  readonly refusedForks?: number
  readonly high?: number
  readonly oomKill?: number
  readonly writtenBytes?: number
  readonly waitedUsec?: number
}

/** @param second of the time after noon; a container of 64 MiB (high: 48), half a CPU, 32 processes and 1 MB/s written to one device. */
export function sampleOf(second: number, told: Told = {}): ParsedSample {
  const { memoryMiB = 0, usageUsec = 0, periods = 0, throttledPeriods = 0, throttledUsec = 0 } = told
  const { pids = 1, refusedForks = 0, high = 0, oomKill = 0, writtenBytes = 0, waitedUsec = 0 } = told
  return {
    atUsec: (NOON + second * 1000) * 1000,
    memory: {
      currentBytes: memoryMiB * MIB,
      peakBytes: 60 * MIB,
      swapCurrentBytes: 0,
      events: { low: 0, high, max: 0, oom: oomKill, oomKill, oomGroupKill: 0 },
    },
    cpu: {
      ...{ usageUsec, userUsec: usageUsec, systemUsec: 0 },
      ...{ periods, throttledPeriods, throttledUsec, bursts: 0, burstUsec: 0 },
    },
    pids: { current: pids, peak: 8, refusedForks },
    io: [{ major: 8, minor: 0, readBytes: 0, writtenBytes, reads: 0, writes: 0 }],
    pressure: { memory: { some: line(waitedUsec), full: line(0) } },
    limits: {
      ...{ memoryMaxBytes: 64 * MIB, memoryHighBytes: 48 * MIB, pidsMax: 32 },
      ...{ cpuQuotaUsec: 50_000, cpuPeriodUsec: 100_000, cpuWeight: 100 },
      io: ['8:0 rbps=max wbps=1000000 riops=max wiops=max'],
    },
    memoryStat: new Map([
      ['anon', memoryMiB * MIB],
      ['file', 0],
      ['kernel', 0],
      ['sock', 4096],
    ]),
    swapEvents: undefined,
    frozen: false,
  }
}
