import type { LinuxCpu, LinuxMemory, LinuxResources } from '../spec/runtime.ts'
import { blockIo } from './block-io.ts'
import { parseBytes } from './bytes.ts'
import { chooseDevices } from './devices.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

/** Microseconds. */
const CPU_PERIOD = 100_000
/** The kernel refuses a quota below 1 ms. */
const MIN_CPUS = 0.01

/** `linux.resources` for the limits among the options. @throws UtsuwaError INVALID_ARGUMENT */
export function resourcesOf(options: ContainerOptions): LinuxResources {
  const memory = memoryLimits(options)
  const cpu = cpuLimits(options)
  const pids = pidsLimit(options)
  const io = blockIo(options)
  return {
    devices: [{ allow: options.privileged === true, access: 'rwm' }, ...chooseDevices(options).rules],
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(pids !== undefined && { pids: { limit: pids } }),
    ...(Object.keys(io).length > 0 && { blockIO: io }),
    ...(options.unified && { unified: { ...options.unified } }),
  }
}

function memoryLimits({ memory, memoryReservation, memorySwap }: ContainerOptions): LinuxMemory {
  const limit = memory === undefined ? undefined : parseBytes(memory, '--memory')
  const reservation =
    memoryReservation === undefined ? undefined : parseBytes(memoryReservation, '--memory-reservation')
  if (limit !== undefined && reservation !== undefined && reservation > limit) {
    throw invalidOption('--memory-reservation', 'must not be more than --memory')
  }
  const swap = swapLimit(memorySwap, limit)
  return {
    ...(limit !== undefined && { limit }),
    ...(reservation !== undefined && { reservation }),
    ...(swap !== undefined && { swap }),
  }
}

/** As docker: with a memory limit and nothing said of swap, as much swap again. */
function swapLimit(memorySwap: number | string | undefined, limit: number | undefined): number | undefined {
  if (memorySwap === undefined || memorySwap === 0) return limit === undefined ? undefined : limit * 2
  if (String(memorySwap) === '-1') return -1
  const swap = parseBytes(memorySwap, '--memory-swap')
  if (limit === undefined)
    throw invalidOption('--memory-swap', 'needs --memory, because it is the sum of memory and swap')
  if (swap < limit) throw invalidOption('--memory-swap', 'must not be less than --memory, because it includes it')
  return swap
}

function cpuLimits(options: ContainerOptions): LinuxCpu {
  const { cpus, cpuQuota, cpuPeriod, cpuShares, cpusetCpus, cpusetMems } = options
  if (cpus !== undefined && !(Number.isFinite(cpus) && cpus >= MIN_CPUS)) {
    throw invalidOption('--cpus', `must be at least ${MIN_CPUS}, found ${cpus}`)
  }
  if (cpus !== undefined && (cpuQuota !== undefined || cpuPeriod !== undefined)) {
    throw invalidOption('--cpus', 'says the same as --cpu-quota and --cpu-period: give either')
  }
  checkMicroseconds(cpuPeriod, '--cpu-period', 1000, 1_000_000)
  if (cpuQuota !== -1) checkMicroseconds(cpuQuota, '--cpu-quota', 1000, Number.MAX_SAFE_INTEGER)
  if (cpuShares !== undefined && !(Number.isInteger(cpuShares) && cpuShares >= 2 && cpuShares <= 262_144)) {
    throw invalidOption('--cpu-shares', `must be an integer from 2 to 262144, found ${cpuShares}`)
  }
  return {
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpus !== undefined && { quota: Math.round(cpus * CPU_PERIOD), period: CPU_PERIOD }),
    ...(cpuQuota !== undefined && { quota: cpuQuota }),
    ...(cpuPeriod !== undefined && { period: cpuPeriod }),
    ...(cpusetCpus !== undefined && { cpus: cpuList(cpusetCpus, '--cpuset-cpus') }),
    ...(cpusetMems !== undefined && { mems: cpuList(cpusetMems, '--cpuset-mems') }),
  }
}

function checkMicroseconds(value: number | undefined, option: string, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  throw invalidOption(option, `must be at least ${least} and at most ${most} microseconds, found ${value}`)
}

function cpuList(list: string, option: string): string {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(list))
    throw invalidOption(option, `${JSON.stringify(list)} is not a list like 0-3,7`)
  return list
}

function pidsLimit({ pids }: ContainerOptions): number | undefined {
  if (pids === undefined || pids === 0) return undefined
  if (!Number.isInteger(pids) || pids < -1) {
    throw invalidOption('--pids-limit', `must be a positive integer, or -1 for unlimited, found ${pids}`)
  }
  return pids
}
