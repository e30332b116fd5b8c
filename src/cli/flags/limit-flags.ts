/** The flags that limit what a container uses, of `run` and `update`. */
import type { Command } from 'commander'
import { collect, collectPair } from './collect.ts'
import { parseNumber } from './parse-number.ts'

export interface LimitFlags {
  readonly blkioWeight?: number
  readonly blkioWeightDevice?: string[]
  readonly cgroupConf?: Record<string, string>
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  readonly cpuShares?: number
  readonly cpus?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly deviceReadBps?: string[]
  readonly deviceReadIops?: string[]
  readonly deviceWriteBps?: string[]
  readonly deviceWriteIops?: string[]
  readonly memory?: string
  readonly memoryReservation?: string
  readonly memorySwap?: string
  readonly pidsLimit?: number
}

export function addLimitFlags(command: Command): Command {
  return command
    .option('-m, --memory <SIZE>', 'memory limit, such as 64m')
    .option('--memory-reservation <SIZE>', 'memory that is reclaimed last')
    .option('--memory-swap <SIZE>', 'memory and swap together; -1: no limit')
    .option('--cpus <NUMBER>', 'CPU time, such as 0.5', parseNumber)
    .option('-c, --cpu-shares <NUMBER>', 'weight against others, 2 to 262144', parseNumber)
    .option('--cpu-quota <MICROSECONDS>', 'CPU time in each period, instead of --cpus; -1: no limit', parseNumber)
    .option('--cpu-period <MICROSECONDS>', 'length of the period (default: 100000)', parseNumber)
    .option('--cpuset-cpus <LIST>', 'CPUs to run on, such as 0-3,7')
    .option('--cpuset-mems <LIST>', 'memory nodes to use')
    .option('--pids-limit <NUMBER>', 'most processes and threads; -1: no limit', parseNumber)
    .option('--blkio-weight <NUMBER>', 'weight against others on block devices, 10 to 1000', parseNumber)
    .option('--blkio-weight-device <DEVICE:NUMBER>', 'the same for one device', collect)
    .option('--device-read-bps <DEVICE:RATE>', 'bytes a second that are read, such as /dev/sda:1mb', collect)
    .option('--device-write-bps <DEVICE:RATE>', 'bytes a second that are written', collect)
    .option('--device-read-iops <DEVICE:RATE>', 'operations a second that read', collect)
    .option('--device-write-iops <DEVICE:RATE>', 'operations a second that write', collect)
    .option('--cgroup-conf <FILE=VALUE>', 'a cgroup v2 file, such as memory.high=48M', collectPair)
}

/** The flags that have the names of the library's options. */
export const sameLimits = [
  'blkioWeight',
  'blkioWeightDevice',
  'cpuPeriod',
  'cpuQuota',
  'cpuShares',
  'cpus',
  'cpusetCpus',
  'cpusetMems',
  'deviceReadBps',
  'deviceReadIops',
  'deviceWriteBps',
  'deviceWriteIops',
  'memory',
  'memoryReservation',
  'memorySwap',
] as const
