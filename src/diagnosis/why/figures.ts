/** What a container used last, as evidence for people. */
import { parseCpuMax } from '../../cgroup/stats/cpu-max.ts'
import type { CgroupStats } from '../../cgroup/stats/stats.ts'
import { formatBinarySize } from '../../util/sizes.ts'
import type { CauseCode, DeathFacts, Evidence } from './cause.ts'
import { bytesOf } from './cause-limits.ts'
import { seconds } from './cause-running.ts'

/** Lines of the kernel's log are told apart from these by the causes that they are about. */
const TELLS_KERNEL_LOG: readonly CauseCode[] = ['segfault', 'crashed', 'seccomp']

/** The last figures of its cgroup: what there is of them. */
export function figuresOf({ stats, limits, kernelLog }: DeathFacts, code: CauseCode): Evidence[] {
  const figures: readonly (readonly [string, string | undefined])[] = [
    ['memory', memory(stats?.memory, limits)],
    ['processes', pids(stats?.pids, limits['pids.max'])],
    ['cpu', cpu(stats?.cpu, limits['cpu.max'])],
    ['disks', io(stats?.io)],
    ['pressure', pressure(stats?.pressure)],
  ]
  return [
    ...figures.flatMap(([subject, text]) => (text === undefined ? [] : [{ source: 'kernel', subject, text } as const])),
    ...(TELLS_KERNEL_LOG.includes(code) ? [] : kernelLog).map(
      text => ({ source: 'kernel', subject: 'kernel log', text }) as const,
    ),
  ]
}

function memory(use: CgroupStats['memory'], limits: DeathFacts['limits']): string | undefined {
  if (use === undefined) return undefined
  const max = bytesOf(limits['memory.max'])
  const high = bytesOf(limits['memory.high'])
  const swap = use.swapPeakBytes ?? 0
  return [
    ...(use.peakBytes === undefined ? [] : [`at most ${formatBinarySize(use.peakBytes)}`]),
    `last ${formatBinarySize(use.currentBytes)}`,
    `limit ${max === undefined ? 'none' : formatBinarySize(max)}`,
    ...(use.events.max > 0 ? [`reached ${use.events.max} times`] : []),
    ...(high === undefined ? [] : [`memory.high ${formatBinarySize(high)}, exceeded ${use.events.high} times`]),
    ...(swap > 0 ? [`swap at most ${formatBinarySize(swap)}`] : []),
  ].join(', ')
}

function pids(use: CgroupStats['pids'], max = 'max'): string | undefined {
  if (use === undefined) return undefined
  const limit = max === 'max' ? 'none' : max
  const refused = use.refusedForks > 0 ? `, ${use.refusedForks} refused` : ''
  return `${use.peak === undefined ? '' : `at most ${use.peak}, `}limit ${limit}${refused}`
}

function cpu(use: CgroupStats['cpu'], max = 'max'): string | undefined {
  if (use === undefined) return undefined
  const cpus = parseCpuMax(max)
  const limit = cpus === Number.POSITIVE_INFINITY ? 'none' : `${Number(cpus.toPrecision(3))} CPUs`
  const held = use.throttledPeriods > 0 ? `, held back by it for ${seconds(use.throttledUsec)}` : ''
  return `${seconds(use.usageUsec)} used (${seconds(use.systemUsec)} of it in the kernel), limit ${limit}${held}`
}

function io(devices: CgroupStats['io']): string | undefined {
  const read = devices?.reduce((sum, { readBytes }) => sum + readBytes, 0) ?? 0
  const written = devices?.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0) ?? 0
  return read + written === 0 ? undefined : `${formatBinarySize(read)} read, ${formatBinarySize(written)} written`
}

/** In its whole life, some task of it. */
function pressure(use: CgroupStats['pressure'] = {}): string | undefined {
  const waits = (['cpu', 'memory', 'io'] as const).flatMap(what => {
    const total = use[what]?.some.totalUsec ?? 0
    return total === 0 ? [] : [`${seconds(total)} for ${what === 'io' ? 'disks' : what}`]
  })
  return waits.length === 0 ? undefined : `it waited ${waits.join(', ')}`
}
