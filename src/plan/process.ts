/** config.md, "Process": from the gate of the file system to exec. */
import { UtsuwaError } from '../errors.ts'
import { compileSeccomp, type ProgramStore } from '../seccomp/compile.ts'
import { RLIMITS } from '../spec/rlimits.ts'
import type { Capabilities, LinuxSeccomp, Process, Rlimit, RuntimeSpec, Scheduler } from '../spec/runtime.ts'
import { cpuBitmap } from '../util/cpu-list.ts'
import { capabilityMasks } from './capabilities.ts'
import type { Operation } from './ops.ts'

const schedulerPolicies = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const

const schedulerFlags = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const

const ioPriorityClasses = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const
const IOPRIO_CLASS_SHIFT = 13

const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8

const DEFAULT_UMASK = 0o022
const DEFAULT_SEARCH_PATH = '/bin:/usr/bin'

/** What the kernel grants the process: it needs the privileges that the next step drops. */
export function compileResourcesOfProcess(process: Process): Operation[] {
  const operations: Operation[] = (process.rlimits ?? []).map(compileRlimit)
  if (process.oomScoreAdj !== undefined)
    operations.push({ op: 'set_oom_score_adj', value: process.oomScoreAdj, pointer: '/process/oomScoreAdj' })
  if (process.scheduler !== undefined) operations.push(compileScheduler(process.scheduler))
  if (process.ioPriority !== undefined) {
    const { class: name, priority = 0 } = process.ioPriority
    const value = (ioPriorityClasses[name] << IOPRIO_CLASS_SHIFT) | priority
    operations.push({ op: 'set_io_priority', value, pointer: '/process/ioPriority' })
  }
  return operations
}

function compileRlimit({ type, soft, hard }: Rlimit, index: number): Operation {
  const pointer = `/process/rlimits/${index}`
  const resource = RLIMITS[type]
  if (resource === undefined)
    throw new UtsuwaError('INVALID_SPEC', `${type} is no resource limit of Linux`, { configPointer: `${pointer}/type` })
  return { op: 'set_rlimit', resource, soft: unsigned(soft), hard: unsigned(hard), pointer }
}

/** −1 and 2^64−1 both mean RLIM_INFINITY. */
function unsigned(value: number | bigint): bigint {
  return BigInt.asUintN(64, BigInt(value))
}

function compileScheduler(scheduler: Scheduler): Operation {
  return {
    op: 'set_scheduler',
    policy: schedulerPolicies[scheduler.policy],
    flags: (scheduler.flags ?? []).reduce((flags, flag) => flags | schedulerFlags[flag], 0),
    nice: scheduler.nice ?? 0,
    priority: scheduler.priority ?? 0,
    runtime: scheduler.runtime ?? 0,
    deadline: scheduler.deadline ?? 0,
    period: scheduler.period ?? 0,
    pointer: '/process/scheduler',
  }
}

const personas = { LINUX: 0, LINUX32: 8 } as const

export function compilePersonality({ linux = {} }: RuntimeSpec): Operation[] {
  if (linux.personality === undefined) return []
  return [{ op: 'set_personality', persona: personas[linux.personality.domain], pointer: '/linux/personality' }]
}

/** include/uapi/linux/mempolicy.h */
export const memoryPolicyModes = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
} as const

export const memoryPolicyFlags = {
  MPOL_F_NUMA_BALANCING: 0x2000,
  MPOL_F_RELATIVE_NODES: 0x4000,
  MPOL_F_STATIC_NODES: 0x8000,
} as const

/** config-linux.md, "Memory policy". In the cgroup already: nodes that its cpuset does not have are an error. */
export function compileMemoryPolicy({ linux = {} }: RuntimeSpec): Operation[] {
  if (linux.memoryPolicy === undefined) return []
  const { mode, nodes = '', flags = [] } = linux.memoryPolicy
  return [
    {
      op: 'set_memory_policy',
      mode: flags.reduce<number>((value, flag) => value | memoryPolicyFlags[flag], memoryPolicyModes[mode]),
      nodes: nodes === '' ? new Uint8Array() : cpuBitmap(nodes),
      pointer: '/linux/memoryPolicy',
    },
  ]
}

/** Who the process is. The bounding set is dropped first: dropping from it takes CAP_SETPCAP, which the user may not have. */
export function compileIdentity(process: Process): Operation[] {
  const { uid, gid, additionalGids = [], umask = DEFAULT_UMASK } = process.user
  const groups = new Uint8Array(Uint32Array.from(additionalGids).buffer)
  const operations: Operation[] = [
    {
      op: 'set_bounding_capabilities',
      bounding: capabilityMasks(process.capabilities).bounding,
      pointer: '/process/capabilities/bounding',
    },
    { op: 'set_user', uid, gid, groups, umask, pointer: '/process/user' },
  ]
  if (process.apparmorProfile)
    operations.push({
      op: 'set_exec_label',
      lsm: 'apparmor',
      label: process.apparmorProfile,
      pointer: '/process/apparmorProfile',
    })
  if (process.selinuxLabel)
    operations.push({
      op: 'set_exec_label',
      lsm: 'selinux',
      label: process.selinuxLabel,
      pointer: '/process/selinuxLabel',
    })
  return operations
}

/** execvp(3) within the container, before the start, so that a missing command fails `create` and not `start`. */
export function compileLookup({ args, env = [] }: Process): Operation {
  const searchPath = env.findLast(entry => entry.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_SEARCH_PATH
  return { op: 'find_executable', file: args[0]!, searchPath, pointer: '/process/args/0' }
}

/**
 * The last steps, after the start. With no_new_privs the filter comes last, so that it covers nothing of ours; without,
 * loading it takes CAP_SYS_ADMIN, so it comes before the capabilities are dropped (seccomp(2)).
 */
export function compilePrivileges(
  process: Process,
  seccomp: LinuxSeccomp | undefined,
  store: ProgramStore | undefined,
): Operation[] {
  const capabilities = compileCapabilities(process.capabilities)
  const filter = seccomp === undefined ? [] : [loadSeccomp(seccomp, store)]
  if (!process.noNewPrivileges) return [...filter, capabilities]
  return [capabilities, { op: 'set_no_new_privs', pointer: '/process/noNewPrivileges' }, ...filter]
}

function compileCapabilities(names: Capabilities | undefined): Operation {
  const { effective, permitted, inheritable, ambient: wanted } = capabilityMasks(names)
  // The kernel has no ambient capability that is not permitted and inheritable too (capabilities(7)); a spec may list
  // such, as runc's default one once did, and means none.
  const ambient = wanted & permitted & inheritable
  return { op: 'set_capabilities', effective, permitted, inheritable, ambient, pointer: '/process/capabilities' }
}

function loadSeccomp(seccomp: LinuxSeccomp, store: ProgramStore | undefined): Operation {
  const { program, flags, notifies } = compileSeccomp(seccomp, { store })
  return {
    op: 'load_seccomp',
    program,
    flags: notifies ? flags | SECCOMP_FILTER_FLAG_NEW_LISTENER : flags,
    pointer: '/linux/seccomp',
  }
}
