/** The `linux` object of config.json: https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md */

import type { Int64 } from './runtime.ts'
import type { LinuxResources } from './runtime-resources.ts'

export type * from './runtime-resources.ts'

export interface Linux {
  namespaces?: LinuxNamespace[]
  uidMappings?: IdMapping[]
  gidMappings?: IdMapping[]
  /** For a new time namespace. */
  timeOffsets?: { boottime?: LinuxTimeOffset; monotonic?: LinuxTimeOffset }
  devices?: LinuxDevice[]
  /** Host network interfaces that move into the container's network namespace, by their name on the host. */
  netDevices?: Record<string, LinuxNetDevice>
  /** Absolute: below the cgroup mount. Relative: below a place that the runtime chooses. */
  cgroupsPath?: string
  resources?: LinuxResources
  intelRdt?: LinuxIntelRdt
  memoryPolicy?: LinuxMemoryPolicy
  sysctl?: Record<string, string>
  seccomp?: LinuxSeccomp
  rootfsPropagation?: 'shared' | 'slave' | 'private' | 'unbindable' | 'rshared' | 'rslave' | 'rprivate' | 'runbindable'
  /** Absolute container paths. */
  maskedPaths?: string[]
  /** Absolute container paths. */
  readonlyPaths?: string[]
  mountLabel?: string
  personality?: LinuxPersonality
}

export type LinuxNamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time'

export interface LinuxNamespace {
  type: LinuxNamespaceType
  /** Absolute host path of a namespace to join; a new one is made when absent. */
  path?: string
}

export interface IdMapping {
  containerID: number
  hostID: number
  size: number
}

export interface LinuxTimeOffset {
  secs?: Int64
  nanosecs?: number
}

export interface LinuxDevice {
  /** Character, block, unbuffered character, FIFO. */
  type: 'c' | 'b' | 'u' | 'p'
  /** Absolute container path. */
  path: string
  /** Required unless `type` is `p`, as `minor`. */
  major?: number
  minor?: number
  fileMode?: number
  uid?: number
  gid?: number
}

export interface LinuxNetDevice {
  /** Its name in the container; unchanged when absent. */
  name?: string
}

export interface LinuxIntelRdt {
  closID?: string
  schemata?: string[]
  l3CacheSchema?: string
  memBwSchema?: string
  enableMonitoring?: boolean
}

/** Arguments of set_mempolicy(2). */
export interface LinuxMemoryPolicy {
  mode:
    | 'MPOL_DEFAULT'
    | 'MPOL_BIND'
    | 'MPOL_INTERLEAVE'
    | 'MPOL_WEIGHTED_INTERLEAVE'
    | 'MPOL_PREFERRED'
    | 'MPOL_PREFERRED_MANY'
    | 'MPOL_LOCAL'
  /** Node list such as `0-3,7`. */
  nodes?: string
  flags?: ('MPOL_F_NUMA_BALANCING' | 'MPOL_F_RELATIVE_NODES' | 'MPOL_F_STATIC_NODES')[]
}

export interface LinuxPersonality {
  domain: 'LINUX' | 'LINUX32'
  flags?: string[]
}

export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_NOTIFY'

export type SeccompOperator =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ'

export type SeccompFlag =
  | 'SECCOMP_FILTER_FLAG_TSYNC'
  | 'SECCOMP_FILTER_FLAG_LOG'
  | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'
  | 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'

export interface LinuxSeccomp {
  defaultAction: SeccompAction
  /** EPERM when absent; only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE. */
  defaultErrnoRet?: number
  /** `SCMP_ARCH_…`; the host's own architecture is always included. */
  architectures?: string[]
  flags?: SeccompFlag[]
  /** UNIX socket of the agent for SCMP_ACT_NOTIFY. */
  listenerPath?: string
  listenerMetadata?: string
  syscalls?: LinuxSyscall[]
}

export interface LinuxSyscall {
  names: string[]
  action: SeccompAction
  errnoRet?: number
  args?: LinuxSeccompArg[]
}

export interface LinuxSeccompArg {
  /** 0 to 5. */
  index: number
  /** The value compared with; the mask for SCMP_CMP_MASKED_EQ. Unsigned 64 bits. */
  value: Int64
  /** For SCMP_CMP_MASKED_EQ: what the masked argument must equal. 0 when absent. */
  valueTwo?: Int64
  op: SeccompOperator
}
