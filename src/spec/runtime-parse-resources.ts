/** Readers of `linux.resources`, and of id mappings, which several parts of config.json share. */
import {
  array,
  boolean,
  int64,
  integer,
  object,
  oneOf,
  optional,
  type Reader,
  record,
  specError,
  string,
  stringThat,
  uint32,
  uint64,
} from './readers.ts'
import type {
  IdMapping,
  LinuxBlockIo,
  LinuxCpu,
  LinuxDeviceCgroup,
  LinuxHugepageLimit,
  LinuxMemory,
  LinuxNetwork,
  LinuxPids,
  LinuxRdma,
  LinuxResources,
  LinuxThrottleDevice,
  LinuxWeightDevice,
} from './runtime.ts'

const idMapping = object<IdMapping>({ containerID: uint32, hostID: uint32, size: integer(1, 0xffff_ffff) })

/** UID_GID_MAP_MAX_EXTENTS of the kernel: more lines can never be written to uid_map. */
const MAX_ID_MAPPINGS = 340

export const idMappings: Reader<IdMapping[]> = {
  expected: 'an array of objects',
  read(value, pointer) {
    if (Array.isArray(value) && value.length > MAX_ID_MAPPINGS) {
      throw specError(`must have at most ${MAX_ID_MAPPINGS} entries, found ${value.length}`, pointer)
    }
    return array(idMapping).read(value, pointer)
  },
}

/** −1 means all, as engines write it. */
const deviceNumberOrAll = integer(-1, 0xffff_ffff)

const deviceRule = object<LinuxDeviceCgroup>({
  allow: boolean,
  type: optional(oneOf('a', 'c', 'b')),
  major: optional(deviceNumberOrAll),
  minor: optional(deviceNumberOrAll),
  access: optional(stringThat('a string made of r, w and m', access => /^[rwm]*$/.test(access))),
})

const memory = object<LinuxMemory>({
  limit: optional(int64),
  reservation: optional(int64),
  swap: optional(int64),
  kernel: optional(int64),
  kernelTCP: optional(int64),
  swappiness: optional(uint64),
  disableOOMKiller: optional(boolean),
  useHierarchy: optional(boolean),
  checkBeforeUpdate: optional(boolean),
})

const cpu = object<LinuxCpu>({
  shares: optional(uint64),
  quota: optional(int64),
  burst: optional(uint64),
  period: optional(uint64),
  realtimeRuntime: optional(int64),
  realtimePeriod: optional(uint64),
  cpus: optional(string),
  mems: optional(string),
  idle: optional(integer(0, 1)),
})

const weight = integer(0, 0xffff)

const weightDevice = object<LinuxWeightDevice>(
  { major: uint32, minor: uint32, weight: optional(weight), leafWeight: optional(weight) },
  (device, pointer) => {
    if (device.weight === undefined && device.leafWeight === undefined) {
      throw specError('must have weight or leafWeight', pointer)
    }
  },
)

const throttles = array(object<LinuxThrottleDevice>({ major: uint32, minor: uint32, rate: uint64 }))

const blockIO = object<LinuxBlockIo>({
  weight: optional(weight),
  leafWeight: optional(weight),
  weightDevice: optional(array(weightDevice)),
  throttleReadBpsDevice: optional(throttles),
  throttleWriteBpsDevice: optional(throttles),
  throttleReadIOPSDevice: optional(throttles),
  throttleWriteIOPSDevice: optional(throttles),
})

const hugepageLimit = object<LinuxHugepageLimit>({
  pageSize: stringThat('a size such as 2MB', size => /^[1-9]\d*[KMG]B$/.test(size)),
  limit: uint64,
})

const network = object<LinuxNetwork>({
  classID: optional(uint32),
  priorities: optional(array(object<{ name: string; priority: number }>({ name: string, priority: uint32 }))),
})

const rdma = object<LinuxRdma>({ hcaHandles: optional(uint32), hcaObjects: optional(uint32) }, (limits, pointer) => {
  if (limits.hcaHandles === undefined && limits.hcaObjects === undefined) {
    throw specError('must have hcaHandles or hcaObjects', pointer)
  }
})

export const resources = object<LinuxResources>({
  devices: optional(array(deviceRule)),
  memory: optional(memory),
  cpu: optional(cpu),
  pids: optional(object<LinuxPids>({ limit: optional(int64) })),
  blockIO: optional(blockIO),
  hugepageLimits: optional(array(hugepageLimit)),
  network: optional(network),
  rdma: optional(record(rdma)),
  unified: optional(record(string)),
})
