/** capabilities(7): names to bit masks. */
import type { Capabilities } from '../spec/runtime.ts'

/** In the order of linux/capability.h: the index is the bit. */
export const capabilityNames = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const

const bits = new Map<string, bigint>(capabilityNames.map((name, bit) => [name, 1n << BigInt(bit)]))

/** A name that is not known here is left out: config.md wants a warning for what cannot be mapped, not an error. */
function maskOf(names: readonly string[] | undefined): bigint {
  return (names ?? []).reduce((mask, name) => mask | (bits.get(name) ?? 0n), 0n)
}

export type CapabilityMasks = Record<keyof Capabilities, bigint>

export function capabilityMasks(capabilities: Capabilities = {}): CapabilityMasks {
  return {
    bounding: maskOf(capabilities.bounding),
    effective: maskOf(capabilities.effective),
    inheritable: maskOf(capabilities.inheritable),
    permitted: maskOf(capabilities.permitted),
    ambient: maskOf(capabilities.ambient),
  }
}

/** Names of a mask, for people: `CAP_CHOWN, CAP_KILL`; `none`, or `all` where nothing is missing. */
export function describeCapabilities(mask: bigint): string {
  const names = capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n)
  if (names.length === 0) return 'none'
  return names.length === capabilityNames.length ? 'all' : names.join(', ')
}
