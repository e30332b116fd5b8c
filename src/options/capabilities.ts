import { CAPABILITIES, type Capability } from '../spec/capabilities.ts'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

/** What docker and podman users are used to: enough for package managers and services, nothing over the host. */
export const DEFAULT_CAPABILITIES: readonly Capability[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
]

/**
 * The capabilities of a container, in the kernel's order. `ALL` in one list leaves the exceptions to the other:
 * `capDrop: ['ALL'], capAdd: ['CHOWN']`. A capability in both is dropped only when `capAdd` has `ALL`.
 *
 * @throws UtsuwaError INVALID_ARGUMENT for a name that does not exist
 */
export function chooseCapabilities({
  capAdd = [],
  capDrop = [],
  privileged = false,
}: Pick<ContainerOptions, 'capAdd' | 'capDrop' | 'privileged'>): Capability[] {
  if (privileged) return [...CAPABILITIES]
  const add = new Set(capAdd.map(name => normalize(name, '--cap-add')))
  const drop = new Set(capDrop.map(name => normalize(name, '--cap-drop')))
  return CAPABILITIES.filter(capability => {
    if (add.has('ALL')) return !drop.has(capability)
    if (add.has(capability)) return true
    return !drop.has('ALL') && !drop.has(capability) && DEFAULT_CAPABILITIES.includes(capability)
  })
}

function normalize(name: string, option: string): Capability | 'ALL' {
  const upper = name.toUpperCase()
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL'
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  const known = CAPABILITIES.find(capability => capability === full)
  if (known === undefined) throw invalidOption(option, `unknown capability ${JSON.stringify(name)}`)
  return known
}
