/** `linux.resources` of config.json: limits of the container's cgroup. */
import type { Int64 } from './runtime.ts'

export interface LinuxResources {
  devices?: LinuxDeviceCgroup[]
  memory?: LinuxMemory
  cpu?: LinuxCpu
  pids?: LinuxPids
  blockIO?: LinuxBlockIo
  hugepageLimits?: LinuxHugepageLimit[]
  network?: LinuxNetwork
  /** By the name of the RDMA device. */
  rdma?: Record<string, LinuxRdma>
  /** cgroup v2 files by name, with the text to write. */
  unified?: Record<string, string>
}

export interface LinuxDeviceCgroup {
  allow: boolean
  /** All when absent. */
  type?: 'a' | 'c' | 'b'
  /** All when absent, as `minor`; engines also write −1 for that. */
  major?: number
  minor?: number
  /** Out of `r` (read), `w` (write), `m` (mknod); all when absent. */
  access?: string
}

/** Bytes, −1 for unlimited. */
export interface LinuxMemory {
  limit?: Int64
  reservation?: Int64
  /** Memory and swap together. */
  swap?: Int64
  kernel?: Int64
  kernelTCP?: Int64
  swappiness?: Int64
  disableOOMKiller?: boolean
  useHierarchy?: boolean
  /** Refuse a new limit that lies below the current usage. */
  checkBeforeUpdate?: boolean
}

/** Times in microseconds. */
export interface LinuxCpu {
  /** cgroup v1's weight, 2 to 262144. */
  shares?: Int64
  /** −1 or 0 for unlimited. */
  quota?: Int64
  burst?: Int64
  period?: Int64
  realtimeRuntime?: Int64
  realtimePeriod?: Int64
  /** CPU list such as `0-3,7`. */
  cpus?: string
  /** Node list such as `0-1`. */
  mems?: string
  /** 1 for SCHED_IDLE. */
  idle?: number
}

export interface LinuxPids {
  /** −1 for unlimited. */
  limit?: Int64
}

export interface LinuxBlockIo {
  /** 10 to 1000. */
  weight?: number
  leafWeight?: number
  weightDevice?: LinuxWeightDevice[]
  throttleReadBpsDevice?: LinuxThrottleDevice[]
  throttleWriteBpsDevice?: LinuxThrottleDevice[]
  throttleReadIOPSDevice?: LinuxThrottleDevice[]
  throttleWriteIOPSDevice?: LinuxThrottleDevice[]
}

export interface LinuxWeightDevice {
  major: number
  minor: number
  weight?: number
  leafWeight?: number
}

export interface LinuxThrottleDevice {
  major: number
  minor: number
  /** Bytes or operations per second. */
  rate: Int64
}

export interface LinuxHugepageLimit {
  /** `64KB`, `2MB`, `1GB`, as the kernel spells it. */
  pageSize: string
  /** Bytes. */
  limit: Int64
}

export interface LinuxNetwork {
  classID?: number
  priorities?: { name: string; priority: number }[]
}

export interface LinuxRdma {
  hcaHandles?: number
  hcaObjects?: number
}
