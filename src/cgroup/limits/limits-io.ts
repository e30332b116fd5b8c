import type { LinuxBlockIo } from '../../spec/runtime.ts'
import { type CgroupWrite, invalidLimit, isSet, notOnV2, writer } from './write.ts'

const THROTTLES = {
  throttleReadBpsDevice: 'rbps',
  throttleWriteBpsDevice: 'wbps',
  throttleReadIOPSDevice: 'riops',
  throttleWriteIOPSDevice: 'wiops',
} as const

export function compileBlockIo(blockIO: LinuxBlockIo): CgroupWrite[] {
  return [...compileWeights(blockIO), ...compileThrottles(blockIO)]
}

/**
 * Two mechanisms share a disk by weight, and each has a file: the BFQ scheduler, which kernels may lack, and the cost
 * model. Which of them works on a device is a setting of the device, so both are told.
 */
function compileWeights({ weight, leafWeight, weightDevice = [] }: LinuxBlockIo): CgroupWrite[] {
  const write = writer('io', 'blockIO')
  const both = (member: string, device: string, value: number) => [
    write(member, 'io.bfq.weight', `${device}${value}`, 'skip'),
    write(member, 'io.weight', `${device}${toIoWeight(value, member)}`),
  ]
  if (isSet(leafWeight)) throw notOnV2('blockIO/leafWeight', 'put processes into a child cgroup and give that a weight')
  const writes = isSet(weight) ? both('weight', '', weight) : []
  for (const [index, device] of weightDevice.entries()) {
    const member = `weightDevice/${index}`
    if (isSet(device.leafWeight)) {
      throw notOnV2(`blockIO/${member}/leafWeight`, 'put processes into a child cgroup and give that a weight')
    }
    if (isSet(device.weight)) writes.push(...both(member, `${device.major}:${device.minor} `, device.weight))
  }
  return writes
}

/** blkio.weight, 10 to 1000, to io.weight, 1 to 10000, in proportion. */
function toIoWeight(weight: number, member: string): number {
  if (weight < 10 || weight > 1000) {
    throw invalidLimit(`blockIO/${member}`, `weight must be an integer from 10 to 1000, found ${weight}`)
  }
  return 1 + Math.floor(((weight - 10) * 9999) / 990)
}

/** A rate of 0 means no limit, as on v1. */
function compileThrottles(blockIO: LinuxBlockIo): CgroupWrite[] {
  const write = writer('io', 'blockIO')
  return (Object.keys(THROTTLES) as (keyof typeof THROTTLES)[]).flatMap(member =>
    (blockIO[member] ?? []).map(({ major, minor, rate }, index) =>
      write(`${member}/${index}`, 'io.max', `${major}:${minor} ${THROTTLES[member]}=${isSet(rate) ? rate : 'max'}`),
    ),
  )
}
