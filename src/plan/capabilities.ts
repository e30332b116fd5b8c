/** capabilities(7): names to bit masks. */
import { CAPABILITIES } from '../spec/capabilities.ts'
import type { Capabilities } from '../spec/runtime.ts'

const bits = new Map<string, bigint>(CAPABILITIES.map((name, bit) => [name, 1n << BigInt(bit)]))

/** A name that is not known here is left out: config.md wants a warning for what cannot be mapped, not an error. */
function maskOf(names: readonly string[] | undefined): bigint {
  return (names ?? []).reduce((mask, name) => mask | (bits.get(name) ?? 0n), 0n)
}

/**
 * Names in any of the sets that are no capability's, or one's that is not in `held`: config.md, "Linux Process", wants a
 * warning for what cannot be granted, not an error.
 */
export function ungrantableCapabilities(capabilities: Capabilities = {}, held: bigint): string[] {
  const names = Object.values(capabilities as Record<string, string[]>).flat()
  return [...new Set(names)].filter(name => ((bits.get(name) ?? 0n) & held) === 0n)
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
  const names = CAPABILITIES.filter((_, bit) => (mask >> BigInt(bit)) & 1n)
  if (names.length === 0) return 'none'
  return names.length === CAPABILITIES.length ? 'all' : names.join(', ')
}
