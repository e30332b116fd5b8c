/** Statistics in the form of `runc events`, which takes over cgroup v1's units: nanoseconds, and memory + swap as one. */
import type { ContainerStats, IoDeviceStats, Pressure, PressureLine } from '../../runtime/index.ts'

const NANOSECONDS = 1000
/** What runc puts for "no limit": the largest of 64 bits. */
const UNLIMITED = 0xffff_ffff_ffff_ffffn

export function formatStats(stats: ContainerStats): object {
  return {
    cpu: formatCpu(stats),
    cpuset: {
      cpu_exclusive: 0,
      mem_hardwall: 0,
      mem_exclusive: 0,
      memory_migrate: 0,
      memory_spread_page: 0,
      memory_spread_slab: 0,
      memory_pressure: 0,
      sched_load_balance: 0,
      sched_relax_domain_level: 0,
    },
    memory: formatMemory(stats),
    pids: withoutZeros({ current: stats.pids?.current, limit: stats.use.pidsMax }),
    blkio: formatIo(stats),
    hugetlb: formatHugepages(stats),
    intel_rdt: {},
    network_interfaces: null,
  }
}

function formatCpu({ cpu, pressure }: ContainerStats): object {
  return withoutZeros({
    usage: {
      ...withoutZeros({ total: nanoseconds(cpu?.usageUsec) }),
      kernel: nanoseconds(cpu?.systemUsec),
      user: nanoseconds(cpu?.userUsec),
    },
    throttling: withoutZeros({
      periods: cpu?.periods,
      throttledPeriods: cpu?.throttledPeriods,
      throttledTime: nanoseconds(cpu?.throttledUsec),
    }),
    psi: formatPressure(pressure.cpu),
  })
}

function nanoseconds(microseconds = 0): number {
  return microseconds * NANOSECONDS
}

function formatMemory({ memory, use, pressure }: ContainerStats): object {
  const limit = use.memoryMaxBytes ?? UNLIMITED
  const swapLimit = use.memoryMaxBytes === undefined || use.swapMaxBytes === undefined ? undefined : use.swapMaxBytes
  const usage = memory?.currentBytes ?? 0
  const events = memory?.events
  return withoutZeros({
    cache: use.memoryStat.get('file'),
    usage: { limit, ...withoutZeros({ usage, max: memory?.peakBytes }), failcnt: events?.max ?? 0 },
    swap: {
      limit: swapLimit === undefined ? UNLIMITED : limit + swapLimit,
      ...withoutZeros({ usage: usage + (memory?.swapCurrentBytes ?? 0) }),
      failcnt: 0,
    },
    kernel: { limit: 0, failcnt: 0 },
    kernelTCP: { limit: 0, failcnt: 0 },
    raw: use.memoryStat.size === 0 ? undefined : Object.fromEntries(use.memoryStat),
    psi: formatPressure(pressure.memory),
    event_count:
      events === undefined
        ? undefined
        : {
            low: events.low,
            high: events.high,
            max: events.max,
            oom: events.oom,
            oom_kill: events.oomKill,
          },
  })
}

function formatIo({ io = [], pressure }: ContainerStats): object {
  const entries = (operations: (device: IoDeviceStats) => Record<string, number>): object[] | undefined => {
    const list = io.flatMap(device =>
      Object.entries(operations(device)).map(([op, value]) =>
        withoutZeros({ major: device.major, minor: device.minor, op, value }),
      ),
    )
    return list.length === 0 ? undefined : list
  }
  return withoutZeros({
    ioServiceBytesRecursive: entries(({ readBytes, writtenBytes }) => ({ Read: readBytes, Write: writtenBytes })),
    ioServicedRecursive: entries(({ reads, writes }) => ({ Read: reads, Write: writes })),
    psi: formatPressure(pressure.io),
  })
}

function formatHugepages({ use }: ContainerStats): object {
  return Object.fromEntries(
    [...use.hugepages].map(([size, { currentBytes, failures }]) => [
      size,
      { ...withoutZeros({ usage: currentBytes }), failcnt: failures },
    ]),
  )
}

function formatPressure(pressure: Pressure | undefined): object | undefined {
  if (pressure === undefined) return undefined
  const none = { avg10: 0, avg60: 0, avg300: 0, totalUsec: 0 }
  return { some: formatLine(pressure.some), full: formatLine(pressure.full ?? none) }
}

function formatLine({ avg10, avg60, avg300, totalUsec: total }: PressureLine): object {
  return { avg10, avg60, avg300, total }
}

/** Go's `omitempty`. */
function withoutZeros(value: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined && member !== 0))
}
