/** `--blkio-weight` and `--device-read-bps` with its like: how much of the disks a container gets. */
import type { LinuxBlockIo, LinuxThrottleDevice } from '../spec/runtime.ts'
import { parseBytes } from './bytes.ts'
import { findHostDevices } from './host-devices.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

/** @throws UtsuwaError INVALID_ARGUMENT */
export function blockIo(options: ContainerOptions): LinuxBlockIo {
  const { blkioWeight, blkioWeightDevice = [] } = options
  if (blkioWeight !== undefined) checkWeight(blkioWeight, '--blkio-weight')
  const weights = blkioWeightDevice.map(text => {
    const { device, value } = split(text, '--blkio-weight-device')
    return { ...device, weight: checkWeight(Number(value), '--blkio-weight-device') }
  })
  const bytes = (list: readonly string[] | undefined, option: string) =>
    rates(list, option, value => parseBytes(value, option))
  const operations = (list: readonly string[] | undefined, option: string) =>
    rates(list, option, value => count(value, option))
  return withoutEmpty({
    ...(blkioWeight === undefined ? {} : { weight: blkioWeight }),
    weightDevice: weights,
    throttleReadBpsDevice: bytes(options.deviceReadBps, '--device-read-bps'),
    throttleWriteBpsDevice: bytes(options.deviceWriteBps, '--device-write-bps'),
    throttleReadIOPSDevice: operations(options.deviceReadIops, '--device-read-iops'),
    throttleWriteIOPSDevice: operations(options.deviceWriteIops, '--device-write-iops'),
  })
}

function checkWeight(weight: number, option: string): number {
  if (Number.isInteger(weight) && weight >= 10 && weight <= 1000) return weight
  throw invalidOption(option, `must be an integer from 10 to 1000, found ${weight}`)
}

function rates(list: readonly string[] = [], option: string, parse: (value: string) => number): LinuxThrottleDevice[] {
  return list.map(text => {
    const { device, value } = split(text, option)
    return { ...device, rate: parse(value) }
  })
}

function count(text: string, option: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw invalidOption(option, `${JSON.stringify(text)} is not a number of operations`)
}

/** `/dev/sda:1mb` */
function split(text: string, option: string): { device: { major: number; minor: number }; value: string } {
  const [, path = '', value = ''] = /^(\/.+):([^:]+)$/.exec(text) ?? []
  if (path === '') throw invalidOption(option, `${JSON.stringify(text)} is not device:value, as /dev/sda:1mb`)
  const [device] = findHostDevices(path)
  if (device?.type !== 'b' || device.path !== path) throw invalidOption(option, `${path} is no block device`)
  return { device: { major: device.major!, minor: device.minor! }, value }
}

function withoutEmpty(value: LinuxBlockIo): LinuxBlockIo {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => !Array.isArray(member) || member.length > 0))
}
