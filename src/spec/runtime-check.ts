/**
 * Rules that span several members of config.json: a setting of something that a namespace isolates is refused
 * without that namespace, because it would change the host.
 */
import { childPointer } from './pointer.ts'
import { specError } from './readers.ts'
import type { Linux, LinuxNamespaceType, RuntimeSpec } from './runtime.ts'

/** @throws UtsuwaError INVALID_SPEC */
export function checkAcrossMembers({ hostname, domainname, linux = {} }: RuntimeSpec): void {
  if (hostname) requireNamespace(linux, 'uts', '/hostname')
  if (domainname) requireNamespace(linux, 'uts', '/domainname')
  if (linux.uidMappings?.length) requireNamespace(linux, 'user', '/linux/uidMappings')
  if (linux.gidMappings?.length) requireNamespace(linux, 'user', '/linux/gidMappings')
  if (Object.keys(linux.timeOffsets ?? {}).length > 0) requireNamespace(linux, 'time', '/linux/timeOffsets')
  if (Object.keys(linux.netDevices ?? {}).length > 0) requireNamespace(linux, 'network', '/linux/netDevices')
  for (const name of Object.keys(linux.sysctl ?? {})) checkSysctl(linux, name, hostname)
}

function requireNamespace({ namespaces = [] }: Linux, wanted: LinuxNamespaceType, pointer: string): void {
  if (!namespaces.some(({ type }) => type === wanted)) {
    throw specError(`needs a namespace of type ${wanted} in linux.namespaces`, pointer)
  }
}

/** Of `kernel.` only these belong to the IPC namespace, see ipc_namespaces(7). */
const IPC_SYSCTLS: ReadonlySet<string> = new Set(
  ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map(name => `kernel.${name}`),
)

function checkSysctl(linux: Linux, name: string, hostname: string | undefined): void {
  const pointer = childPointer('/linux/sysctl', name)
  if (name.split(/[./]/).includes('')) throw specError('has an empty component', pointer)
  // as sysctl(8): whichever of . and / comes first separates, the other is part of a name (net.ipv4.conf.eth0/1.…)
  const dotted = /^[^.]*\//.test(name) ? name.replaceAll('/', '.') : name
  const needs = namespaceOfSysctl(dotted)
  if (needs === undefined) throw specError('is not a namespaced sysctl: it would change the host', pointer)
  if (dotted === 'kernel.hostname' && hostname) throw specError('conflicts with hostname', pointer)
  requireNamespace(linux, needs, pointer)
}

function namespaceOfSysctl(name: string): LinuxNamespaceType | undefined {
  if (name.startsWith('net.')) return 'network'
  if (name.startsWith('fs.mqueue.') || IPC_SYSCTLS.has(name)) return 'ipc'
  if (name === 'kernel.domainname' || name === 'kernel.hostname') return 'uts'
  if (name.startsWith('user.')) return 'user'
  return undefined
}
