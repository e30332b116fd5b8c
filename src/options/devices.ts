/** `--device` and `--device-cgroup-rule`: devices of the host for a container that is not privileged. */
import { posix } from 'node:path'
import type { LinuxDevice, LinuxDeviceCgroup } from '../spec/runtime.ts'
import { findHostDevices } from './host-devices.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

export interface DeviceChoice {
  readonly devices: readonly LinuxDevice[]
  readonly rules: readonly LinuxDeviceCgroup[]
}

/** @throws UtsuwaError INVALID_ARGUMENT for what is no device, or no rule */
export function chooseDevices({
  devices = [],
  deviceCgroupRules = [],
}: Pick<ContainerOptions, 'devices' | 'deviceCgroupRules'>): DeviceChoice {
  const chosen = devices.map(parseDevice)
  return {
    devices: chosen.flatMap(choice => choice.devices),
    rules: [...chosen.flatMap(choice => choice.rules), ...deviceCgroupRules.map(parseRule)],
  }
}

/** `/dev/fuse`, `/dev/sda:/dev/disk:r`, `/dev/snd`: all below a directory. */
function parseDevice(text: string): DeviceChoice {
  const [, source, destination = source, access = 'rwm'] =
    /^(\/[^:]*)(?::(\/[^:]*))?(?::([rwm]{1,3}))?$/.exec(text) ?? []
  if (source === undefined)
    throw invalidOption('--device', `${JSON.stringify(text)} is not host-path[:container-path][:rwm]`)
  const found = findHostDevices(source)
  if (found.length === 0) throw invalidOption('--device', `${source} is no device, and no directory with some`)
  const devices = found.map(device => ({
    ...device,
    path: posix.normalize(`${destination}${device.path.slice(source.length)}`),
  }))
  return { devices, rules: devices.map(({ type, major, minor }) => ruleFor(type, major!, minor!, access)) }
}

function ruleFor(type: LinuxDevice['type'], major: number, minor: number, access: string): LinuxDeviceCgroup {
  return { allow: true, type: type === 'b' ? 'b' : 'c', major, minor, access }
}

/** `c 1:3 mr`, as in docker; a number may be `*`. */
function parseRule(text: string): LinuxDeviceCgroup {
  const [, type, major, minor, access] = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text) ?? []
  if (access === undefined)
    throw invalidOption('--device-cgroup-rule', `${JSON.stringify(text)} is not type major:minor access, as c 42:* rmw`)
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  }
}
