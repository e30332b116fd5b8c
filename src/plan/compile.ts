/**
 * From a runtime spec to a plan: a pure function of its input, so that a plan can be printed, compared and tested
 * without a kernel. This file is the order in which a container comes to life; the details are beside it.
 */
import { isAbsolute, join } from 'node:path/posix'
import type { SystemdUnit } from '../cgroup/systemd/systemd-unit.ts'
import { UtsuwaError } from '../errors.ts'
import type { ProgramStore } from '../seccomp/compile.ts'
import type { Hook, Process, RuntimeSpec } from '../spec/runtime.ts'
import { compileDevices } from './devices.ts'
import { compileHostStage } from './host.ts'
import { propagationFlags } from './mount-options.ts'
import { compileMounts, isOpenedByLauncher, sealMounts } from './mounts.ts'
import { formatTimeOffsets, Namespaces } from './namespaces.ts'
import type { Operation, Plan } from './ops.ts'
import {
  compileIdentity,
  compileLookup,
  compileMemoryPolicy,
  compilePersonality,
  compilePrivileges,
  compileResourcesOfProcess,
} from './process.ts'
import type { RestrictedCaller } from './rootless.ts'
import { compileScope, type ScopePlan } from './scope.ts'

/** What the plan depends on and the runtime spec does not say. */
export interface HostFacts {
  /** Where cgroup2 is mounted, such as /sys/fs/cgroup. Undefined: nowhere. */
  readonly cgroupMount: string | undefined
  /** Controllers that the root of that hierarchy offers. */
  readonly cgroupControllers: readonly string[]
  /** Absent: root of the first user namespace. */
  readonly caller?: RestrictedCaller | undefined
}

/** All that a plan depends on. */
export interface CompileInput {
  readonly id: string
  readonly spec: RuntimeSpec
  /** Absolute; what relative paths of the spec are relative to. */
  readonly bundlePath: string
  readonly host: HostFacts
  /** Path below the cgroup mount. Undefined: the container stays in the caller's cgroup, without limits. */
  readonly cgroupPath: string | undefined
  /** Without a cgroupPath: the host path that a caller without privileges may not make one below. */
  readonly undelegated?: string
  /** The unit that systemd makes for the container, with the cgroup at `cgroupPath`. Absent: utsuwa makes it. */
  readonly systemdUnit?: SystemdUnit
  /** The root file system arrives as a detached mount and is attached at this host path. Absent: root.path is used. */
  readonly rootfsMountPoint?: string
  /** How the start arrives: over the launcher's own socket, or over a socket that another process connects to. */
  readonly gate: 'report' | 'socket'
  /** SIGKILL the container when the launching process ends. */
  readonly endWithLauncher?: boolean
  /** Do without pivot_root(2), for a root on ramfs. */
  readonly noPivot?: boolean
  /** Keep the caller's session keyring. */
  readonly noNewKeyring?: boolean
  /** How many descriptors from 3 on the container inherits. Default: 0. */
  readonly preserveFds?: number
  /** Where compiled seccomp profiles are kept. Changes how long it takes, not the plan. */
  readonly seccompPrograms?: ProgramStore | undefined
}

/** Descriptors that init inherits behind those that the container keeps, in this order. */
export type DescriptorName =
  | 'plan'
  | 'report'
  | 'gate'
  | 'console'
  | 'rootfs'
  | 'container'
  /** The tree of a mount that the launcher opens, by its index in the spec. */
  | `mount/${number}`

/** The kernel operations of a container, and the descriptors that init needs for them. */
export interface CompiledPlan extends Plan {
  /** `descriptors[n]` is number `firstDescriptor + n` in init. */
  readonly descriptors: readonly DescriptorName[]
  readonly firstDescriptor: number
  /** For the barrier `cgroup`, which is there exactly when this is. */
  readonly scope?: ScopePlan
}

const MS_REC = 0x4000
const NO_DESCRIPTOR = -1
const SIGKILL = 9

/** @throws UtsuwaError INVALID_SPEC or UNSUPPORTED, with the pointer of what cannot be planned */
export function compile(input: CompileInput): CompiledPlan {
  const { spec } = input
  const process = spec.process ?? noProcess
  refuseUnsupported(spec)
  const namespaces = new Namespaces(spec, { moved: input.systemdUnit !== undefined })
  const scope = compileScope(input, namespaces)
  const descriptors = listDescriptors(input, process)
  const firstDescriptor = 3 + (input.preserveFds ?? 0)
  const fd = (name: DescriptorName): number =>
    descriptors.includes(name) ? firstDescriptor + descriptors.indexOf(name) : NO_DESCRIPTOR

  return {
    descriptors,
    firstDescriptor,
    ...(scope === undefined ? {} : { scope }),
    host: compileHostStage(input, namespaces),
    join: namespaces.join(namespaces.isNew('time') ? formatTimeOffsets(spec) : undefined),
    init: [
      ...surround(input, namespaces),
      ...enterRootfs(input, fd),
      ...compileMounts(input, namespaces, fd),
      ...compileDevices(spec, namespaces),
      ...console(process, fd),
      ...sealMounts(spec),
      ...netDevices(spec, namespaces),
      ...hooksBeforePivot(spec),
      ...hidePaths(spec),
      ...names(spec),
      { op: input.noPivot ? 'move_root' : 'pivot_root', pointer: '/root/path' },
      { op: 'change_directory', path: process.cwd, pointer: '/process/cwd' },
      ...finishRoot(spec),
      ...compileResourcesOfProcess(process),
      ...compilePersonality(spec),
      ...compileMemoryPolicy(spec),
      ...compileIdentity(process),
      ...endWithLauncher(input),
      ...(spec.process === undefined ? [] : [compileLookup(spec.process)]),
      { op: 'wait_for_start', gateFd: input.gate === 'socket' ? fd('gate') : -1, pointer: '' },
      ...runHooks(spec.hooks?.startContainer, '/hooks/startContainer'),
      // While nothing is filtered: a seccomp program may refuse to send.
      { op: 'announce', pointer: '' },
      ...compilePrivileges(process, spec.linux?.seccomp, input.seccompPrograms),
      {
        op: 'exec',
        args: process.args,
        env: process.env ?? [],
        preserveFds: input.preserveFds ?? 0,
        pointer: '/process/args',
      },
    ],
  }
}

/**
 * In the place of a process that the spec does not have: a container can be created without, and not be started
 * (runtime.md, "Start").
 */
const noProcess: Process = { args: ['/'], cwd: '/', user: { uid: 0, gid: 0 } }

/** runtime.md, "Errors": what cannot be applied is an error, never ignored. */
function refuseUnsupported({ linux = {} }: RuntimeSpec): void {
  if (linux.intelRdt !== undefined)
    throw new UtsuwaError('UNSUPPORTED', 'intelRdt is not supported', { configPointer: '/linux/intelRdt' })
}

function listDescriptors(input: CompileInput, process: Process): DescriptorName[] {
  const names: DescriptorName[] = ['plan', 'report']
  if (input.gate === 'socket') names.push('gate')
  if (process.terminal) names.push('console')
  if (input.rootfsMountPoint !== undefined) names.push('rootfs')
  for (const [index, mount] of (input.spec.mounts ?? []).entries())
    if (isOpenedByLauncher(mount, input)) names.push(`mount/${index}`)
  return names
}

function surround(input: CompileInput, namespaces: Namespaces): Operation[] {
  const operations: Operation[] = [
    { op: 'new_session', pointer: '' },
    { op: 'open_procfs', pointer: '' },
  ]
  if (!input.noNewKeyring) operations.push({ op: 'new_keyring', name: `_ses.${input.id}`, pointer: '' })
  if (namespaces.isNew('network')) operations.push({ op: 'bring_up_loopback', pointer: '/linux/namespaces' })
  return operations
}

/**
 * Behind the user: a change of user takes the signal away (prctl(2)). Until then, and up to the start, init ends by
 * itself when its launcher has ended.
 */
function endWithLauncher(input: CompileInput): Operation[] {
  return input.endWithLauncher ? [{ op: 'set_parent_death_signal', signal: SIGKILL, pointer: '' }] : []
}

/**
 * Host mounts reach the container's tree, never the other way: rslave, unless the spec wants to share. Without that,
 * pivot_root(2) would detach the host's own tree.
 */
function enterRootfs(input: CompileInput, fd: (name: DescriptorName) => number): Operation[] {
  const { spec, bundlePath, rootfsMountPoint } = input
  const propagation = spec.linux?.rootfsPropagation
  const flags = propagationFlags[propagation ?? 'rslave']! | MS_REC
  const pointer = propagation === undefined ? '' : '/linux/rootfsPropagation'
  const operations: Operation[] = [{ op: 'set_propagation', flags, pointer }]
  if (rootfsMountPoint !== undefined)
    return [...operations, { op: 'attach_rootfs', mountFd: fd('rootfs'), path: rootfsMountPoint, pointer: '' }]
  if (spec.root === undefined)
    throw new UtsuwaError('INVALID_SPEC', 'root must be given on Linux', { configPointer: '/root' })
  const path = isAbsolute(spec.root.path) ? spec.root.path : join(bundlePath, spec.root.path)
  return [...operations, { op: 'bind_rootfs', path, pointer: '/root/path' }]
}

function console(process: Process, fd: (name: DescriptorName) => number): Operation[] {
  if (!process.terminal) return []
  const { width = 0, height = 0 } = process.consoleSize ?? {}
  return [{ op: 'open_console', socketFd: fd('console'), width, height, pointer: '/process/terminal' }]
}

/**
 * At a barrier, since they are the launcher's to give. Late, because a device that is no hardware ends with the namespace
 * that it came into, but before the hooks, which may want to see it, and the sysctls, which may be about it.
 */
function netDevices({ linux = {} }: RuntimeSpec, namespaces: Namespaces): Operation[] {
  if (Object.keys(linux.netDevices ?? {}).length === 0) return []
  if (!namespaces.has('network'))
    throw new UtsuwaError('INVALID_SPEC', 'a network namespace must be given for network devices to move to', {
      configPointer: '/linux/netDevices',
    })
  return [{ op: 'barrier', name: 'network', pointer: '/linux/netDevices' }]
}

/**
 * prestart and createRuntime run in the caller's namespaces, at the barrier; createContainer in the container's, before
 * pivot_root (config.md, "POSIX-platform Hooks").
 */
function hooksBeforePivot({ hooks = {} }: RuntimeSpec): Operation[] {
  const { prestart = [], createRuntime = [], createContainer = [], startContainer = [] } = hooks
  if ([prestart, createRuntime, createContainer, startContainer].every(list => list.length === 0)) return []
  return [
    { op: 'barrier', name: 'namespaces', pointer: '/hooks' },
    ...runHooks(createContainer, '/hooks/createContainer'),
  ]
}

function runHooks(hooks: readonly Hook[] | undefined, pointer: string): Operation[] {
  return (hooks ?? []).map(({ path, args, env, timeout }, index) => ({
    op: 'run_hook',
    path,
    args: args ?? [],
    env: env ?? [],
    timeoutMs: (timeout ?? 0) * 1000,
    pointer: `${pointer}/${index}`,
  }))
}

function hidePaths({ linux = {} }: RuntimeSpec): Operation[] {
  return [
    ...(linux.readonlyPaths ?? []).map((path, index): Operation => {
      return { op: 'readonly_path', path, onMissing: 'skip', pointer: `/linux/readonlyPaths/${index}` }
    }),
    ...(linux.maskedPaths ?? []).map((path, index): Operation => {
      return { op: 'mask_path', path, onMissing: 'skip', pointer: `/linux/maskedPaths/${index}` }
    }),
  ]
}

function names({ hostname, domainname, linux = {} }: RuntimeSpec): Operation[] {
  const operations: Operation[] = []
  if (hostname) operations.push({ op: 'set_hostname', name: hostname, pointer: '/hostname' })
  if (domainname) operations.push({ op: 'set_domainname', name: domainname, pointer: '/domainname' })
  for (const [key, value] of Object.entries(linux.sysctl ?? {}))
    operations.push({
      op: 'set_sysctl',
      path: sysctlPath(key),
      value,
      pointer: `/linux/sysctl/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    })
  return operations
}

/** sysctl.d(5): the first separator says which of `.` and `/` separates; the other one is then part of a name. */
function sysctlPath(key: string): string {
  const separator = /[./]/.exec(key)?.[0]
  if (separator !== '.') return key
  return key.replace(/[./]/g, character => (character === '.' ? '/' : '.'))
}

function finishRoot({ root, linux = {} }: RuntimeSpec): Operation[] {
  const operations: Operation[] = []
  if (root?.readonly) operations.push({ op: 'readonly_rootfs', pointer: '/root/readonly' })
  if (linux.rootfsPropagation !== undefined)
    operations.push({
      op: 'set_root_propagation',
      flags: propagationFlags[linux.rootfsPropagation]!,
      pointer: '/linux/rootfsPropagation',
    })
  return operations
}
