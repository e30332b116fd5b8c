/** A plan for people: what each operation does, in one line, and where it comes from. */
import { RLIMITS } from '../spec/rlimits.ts'
import { describeCapabilities } from './capabilities.ts'
import type { CompiledPlan } from './compile.ts'
import { mountAttributes, propagationFlags } from './mount-options.ts'
import { cloneFlags } from './namespaces.ts'
import type { Operation, OperationName, OperationOf } from './ops.ts'
import type { ScopePlan } from './scope.ts'

type Describers = { [Name in OperationName]: (operation: OperationOf<Name>) => string }

const attributeNames: readonly (readonly [number, string])[] = [
  [mountAttributes.MOUNT_ATTR_RDONLY, 'ro'],
  [mountAttributes.MOUNT_ATTR_NOSUID, 'nosuid'],
  [mountAttributes.MOUNT_ATTR_NODEV, 'nodev'],
  [mountAttributes.MOUNT_ATTR_NOEXEC, 'noexec'],
  [mountAttributes.MOUNT_ATTR_NOATIME, 'noatime'],
  [mountAttributes.MOUNT_ATTR_STRICTATIME, 'strictatime'],
  [mountAttributes.MOUNT_ATTR_NODIRATIME, 'nodiratime'],
  [mountAttributes.MOUNT_ATTR_NOSYMFOLLOW, 'nosymfollow'],
]

const deviceTypes = [
  [0o020000, 'c'],
  [0o060000, 'b'],
  [0o010000, 'p'],
] as const

const BPF_INSTRUCTION_SIZE = 8
const RLIM_INFINITY = 2n ** 64n - 1n

const describers: Describers = {
  create_cgroup: ({ path, controllers, processes }) =>
    `${processes === 'accept' ? 'take' : 'create'} cgroup ${path}${controllers.length === 0 ? '' : ` with ${controllers.join(', ')}`}`,
  open_cgroup: ({ path }) => `open cgroup ${path}`,
  write_cgroup: ({ file, value }) => `write ${file} ${quoted(value)}`,
  own_cgroup: ({ uid }) => `give cgroup to ${uid}`,
  attach_device_program: ({ program }) => `attach device program of ${instructions(program)}`,
  clone: ({ flags }) => `clone init into ${newNamespaces(flags)}`,
  write_id_map: ({ file, content, helper }) =>
    `write ${file} ${quoted(content.trimEnd())}${helper === '' ? '' : ` by ${helper}`}`,
  join_namespace: ({ kind, path }) => `join ${kind} namespace ${path}`,
  join_process: ({ flags }) => `join the container's ${namespaceList(flags)} namespaces`,
  unshare: ({ flags }) => `unshare ${namespaceList(flags)}`,
  set_time_offsets: ({ offsets }) => `set time offsets ${quoted(offsets.trimEnd())}`,
  fork: () => 'fork',
  set_parent_death_signal: ({ signal }) => `set parent death signal ${signal}`,
  new_session: () => 'create session',
  open_procfs: () => 'open private procfs',
  bring_up_loopback: () => 'bring up lo',
  set_propagation: ({ flags }) => `set propagation of / ${propagation(flags)}`,
  bind_rootfs: ({ path }) => `bind root file system ${path}`,
  attach_rootfs: ({ path }) => `attach root file system at ${path}`,
  mount_at: ({ type, destination, options, attributes, propagation: flags, copyUp }) =>
    `mount ${type} at ${destination}${details([...attributeList(attributes), ...options, ...propagationList(flags), ...(copyUp ? ['tmpcopyup'] : [])])}`,
  bind_at: operation =>
    `${operation.recursive ? 'bind recursively' : 'bind'} ${operation.source} at ${operation.destination}${details(bindDetails(operation))}`,
  remount_at: operation =>
    `remount ${operation.destination}${details([...attributeChanges(operation), ...operation.options, ...propagationList(operation.propagation)])}`,
  make_device: ({ path, mode, major, minor, uid, gid }) =>
    `make device ${path} ${deviceType(mode)} ${major}:${minor} mode ${octal(mode & 0o7777)} owner ${uid}:${gid}`,
  bind_device: ({ source, path, type, major, minor }) =>
    `bind device ${source} at ${path} if it is ${deviceType(type)} ${major}:${minor}`,
  make_symlink: ({ target, path }) => `link ${path} to ${target}`,
  open_console: ({ width, height }) => `open console${width && height ? ` of ${width}x${height}` : ''}`,
  mask_path: ({ path }) => `mask ${path}`,
  readonly_path: ({ path }) => `make ${path} read-only`,
  pivot_root: () => 'pivot root',
  move_root: () => 'move root',
  set_root_propagation: ({ flags }) => `set root propagation ${propagation(flags)}`,
  readonly_rootfs: () => 'make root read-only',
  set_hostname: ({ name }) => `set hostname ${name}`,
  set_domainname: ({ name }) => `set domainname ${name}`,
  set_sysctl: ({ path, value }) => `set sysctl ${path} ${quoted(value)}`,
  set_oom_score_adj: ({ value }) => `set oom_score_adj ${value}`,
  set_rlimit: ({ resource, soft, hard }) =>
    `set rlimit ${rlimitName(resource)} soft ${limit(soft)} hard ${limit(hard)}`,
  set_scheduler: ({ policy, nice, priority }) => `set scheduler policy ${policy} nice ${nice} priority ${priority}`,
  set_io_priority: ({ value }) => `set io priority ${value}`,
  set_cpu_affinity: ({ mask }) => `set cpu affinity ${Buffer.from(mask).reverse().toString('hex')}`,
  set_personality: ({ persona }) => `set personality ${persona}`,
  set_memory_policy: ({ mode, nodes }) =>
    `set memory policy ${mode} nodes ${Buffer.from(nodes).reverse().toString('hex') || 'none'}`,
  new_keyring: ({ name }) => `create session keyring ${name}`,
  change_directory: ({ path }) => `change directory to ${path}`,
  find_executable: ({ file }) => `find executable ${file}`,
  barrier: ({ name }) => `wait for the launcher at barrier ${name}`,
  run_hook: ({ path }) => `run hook ${path}`,
  wait_for_start: () => 'wait for start',
  announce: () => 'announce the command',
  set_user: ({ uid, gid, groups }) => `set user ${uid}:${gid}${groupList(groups)}`,
  set_bounding_capabilities: ({ bounding }) => `set bounding capabilities ${describeCapabilities(BigInt(bounding))}`,
  set_capabilities: ({ permitted }) => `set capabilities ${describeCapabilities(BigInt(permitted))}`,
  set_exec_label: ({ lsm, label }) => `set ${lsm} label ${label}`,
  set_no_new_privs: () => 'set no_new_privs',
  load_seccomp: ({ program }) => `load seccomp filter of ${instructions(program)}`,
  exec: ({ args }) => `exec ${args.map(quoted).join(' ')}`,
}

/** One line, without the pointer: `mount proc at /proc`. Also what an error calls the operation. */
export function describeOperation(operation: Operation): string {
  return (describers[operation.op] as (operation: Operation) => string)(operation)
}

/** A line for each operation: stage, what it does, and the pointer into config.json that asks for it. */
export function explain(plan: CompiledPlan): string {
  const rows = [
    ...rowsOf('host', plan.host),
    ...rowsOf('join', plan.join),
    ...(plan.scope === undefined ? [] : [['scope', describeUnit(plan.scope), '/linux/cgroupsPath'] as const]),
    ...rowsOf('scope', plan.scope?.operations ?? []),
    ...rowsOf('init', plan.init),
  ]
  const width = Math.min(72, Math.max(...rows.map(([, text]) => text.length)))
  return rows.map(([stage, text, pointer]) => `${stage}  ${text.padEnd(width)}  ${pointer}`.trimEnd()).join('\n')
}

function rowsOf(stage: string, operations: readonly Operation[]): (readonly [string, string, string])[] {
  return operations.map(operation => [stage, describeOperation(operation), operation.pointer])
}

function describeUnit({ unit, properties }: ScopePlan): string {
  return `start unit ${unit.name}${details(properties.map(({ name, value }) => `${name}=${quoted(value.join(' '))}`))}`
}

/** JSON of a plan: as it is, with byte strings in base64 and 64-bit numbers in decimal. */
export function planToJson(plan: CompiledPlan): string {
  return JSON.stringify(
    { host: plan.host, join: plan.join, scope: plan.scope, init: plan.init },
    (_key, value: unknown) => {
      if (typeof value === 'bigint') return value.toString()
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
    },
    2,
  )
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : JSON.stringify(text)
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

function instructions(program: Uint8Array): string {
  return `${program.length / BPF_INSTRUCTION_SIZE} instructions`
}

function namespaceList(flags: number | bigint): string {
  return Object.entries(cloneFlags)
    .filter(([, flag]) => Number(flags) & flag)
    .map(([name]) => name)
    .join(', ')
}

function newNamespaces(flags: number | bigint): string {
  const list = namespaceList(flags)
  return list === '' ? "the caller's namespaces" : `new ${list} namespaces`
}

function attributeList(attributes: number | bigint): string[] {
  return attributeNames.filter(([bit]) => Number(attributes) & bit).map(([, name]) => name)
}

function propagationList(flags: number | bigint): string[] {
  return Number(flags) === 0 ? [] : [propagation(flags)]
}

function propagation(flags: number | bigint): string {
  return Object.entries(propagationFlags).find(([, value]) => value === Number(flags))?.[0] ?? `0x${flags.toString(16)}`
}

function bindDetails(operation: OperationOf<'bind_at'>): string[] {
  return [
    ...(operation.treeFd >= 0 ? ['opened by the launcher'] : []),
    ...attributeChanges(operation),
    ...propagationList(operation.propagation),
  ]
}

function attributeChanges(operation: OperationOf<'bind_at' | 'remount_at'>): string[] {
  return [
    ...attributeList(operation.setAttributes),
    ...attributeList(operation.setRecursiveAttributes).map(name => `r${name}`),
    ...attributeList(operation.clearAttributes).map(name => `not ${name}`),
    ...attributeList(operation.clearRecursiveAttributes).map(name => `not r${name}`),
  ]
}

function details(list: readonly string[]): string {
  return list.length === 0 ? '' : ` (${list.join(', ')})`
}

function rlimitName(resource: number): string {
  return Object.entries(RLIMITS).find(([, number]) => number === resource)?.[0] ?? String(resource)
}

function limit(value: number | bigint): string {
  return BigInt(value) === RLIM_INFINITY ? 'unlimited' : value.toString()
}

function deviceType(mode: number): string {
  return deviceTypes.find(([bits]) => bits === (mode & 0o170000))?.[1] ?? '?'
}

function groupList(groups: Uint8Array): string {
  if (groups.length === 0) return ''
  const list = new Uint32Array(groups.buffer, groups.byteOffset, groups.length / 4)
  return ` groups ${list.join(',')}`
}
