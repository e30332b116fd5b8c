/**
 * The OCI runtime specification 1.3 as far as it concerns Linux: what stands in a bundle's config.json.
 * Field names are the JSON's. Comments say what the specification leaves to be looked up elsewhere.
 *
 * https://github.com/opencontainers/runtime-spec/blob/main/config.md
 */
import type { IdMapping, Linux } from './runtime-linux.ts'

export type * from './runtime-linux.ts'
export { parseLinuxResources, parseLinuxSeccomp, parseProcess, parseRuntimeSpec } from './runtime-parse.ts'

/** The specification version that utsuwa implements and writes into what it makes. */
export const OCI_VERSION = '1.3.0'

/**
 * An integer of up to 64 bits. `parseJson` yields a bigint only where a number would lose bits, so programs that
 * build a spec by hand may write plain numbers. `BigInt(value)` accepts both.
 */
export type Int64 = number | bigint

/** A container in the terms of the OCI runtime specification: config.json as an object. */
export interface RuntimeSpec {
  /** Semantic version of the specification that the document follows; the major version must be 1. */
  ociVersion: string
  root?: Root
  /** May be absent until `start` is called; a container without it cannot be started. */
  process?: Process
  hostname?: string
  domainname?: string
  mounts?: Mount[]
  hooks?: Hooks
  annotations?: Record<string, string>
  linux?: Linux
}

export interface Root {
  /** Absolute, or relative to the bundle. */
  path: string
  readonly?: boolean
}

export interface Mount {
  /** Absolute container path; the parser makes the deprecated relative form absolute. */
  destination: string
  /** Device, host directory or a dummy; a relative bind source is relative to the bundle. */
  source?: string
  type?: string
  options?: string[]
  /** With gidMappings: makes this an id-mapped mount. */
  uidMappings?: IdMapping[]
  gidMappings?: IdMapping[]
}

export interface Process {
  terminal?: boolean
  /** In characters; meaningful only with `terminal`. */
  consoleSize?: ConsoleSize
  user: User
  /** The program and its arguments; never empty. */
  args: string[]
  /** `KEY=value` each. */
  env?: string[]
  /** Absolute container path. */
  cwd: string
  capabilities?: Capabilities
  rlimits?: Rlimit[]
  noNewPrivileges?: boolean
  apparmorProfile?: string
  /** −1000 to 1000. */
  oomScoreAdj?: number
  scheduler?: Scheduler
  selinuxLabel?: string
  ioPriority?: IoPriority
  execCPUAffinity?: ExecCpuAffinity
}

export interface ConsoleSize {
  height: number
  width: number
}

export interface User {
  uid: number
  gid: number
  /** Mode bits; the runtime's own umask is kept when absent. */
  umask?: number
  additionalGids?: number[]
}

/** Sets of names such as `CAP_NET_BIND_SERVICE`; see capabilities(7). */
export interface Capabilities {
  bounding?: string[]
  effective?: string[]
  inheritable?: string[]
  permitted?: string[]
  ambient?: string[]
}

export interface Rlimit {
  /** `RLIMIT_…` as in getrlimit(2). */
  type: string
  soft: Int64
  hard: Int64
}

export type SchedulerPolicy =
  | 'SCHED_OTHER'
  | 'SCHED_FIFO'
  | 'SCHED_RR'
  | 'SCHED_BATCH'
  | 'SCHED_ISO'
  | 'SCHED_IDLE'
  | 'SCHED_DEADLINE'

export type SchedulerFlag =
  | 'SCHED_FLAG_RESET_ON_FORK'
  | 'SCHED_FLAG_RECLAIM'
  | 'SCHED_FLAG_DL_OVERRUN'
  | 'SCHED_FLAG_KEEP_POLICY'
  | 'SCHED_FLAG_KEEP_PARAMS'
  | 'SCHED_FLAG_UTIL_CLAMP_MIN'
  | 'SCHED_FLAG_UTIL_CLAMP_MAX'

/** Arguments of sched_setattr(2). */
export interface Scheduler {
  policy: SchedulerPolicy
  /** −20 to 19, for SCHED_OTHER and SCHED_BATCH. */
  nice?: number
  /** 1 to 99, for SCHED_FIFO and SCHED_RR. */
  priority?: number
  flags?: SchedulerFlag[]
  /** Nanoseconds, for SCHED_DEADLINE, as the two below. */
  runtime?: Int64
  deadline?: Int64
  period?: Int64
}

/** Arguments of ioprio_set(2). */
export interface IoPriority {
  class: 'IOPRIO_CLASS_RT' | 'IOPRIO_CLASS_BE' | 'IOPRIO_CLASS_IDLE'
  /** 0 (highest) to 7. */
  priority?: number
}

/** CPU lists (`0-3,7`) for processes of `exec`: before and after they move into the container's cgroup. */
export interface ExecCpuAffinity {
  initial?: string
  final?: string
}

export interface Hooks {
  /** Deprecated by the specification in favour of the two that follow; still used by engines. */
  prestart?: Hook[]
  createRuntime?: Hook[]
  createContainer?: Hook[]
  startContainer?: Hook[]
  poststart?: Hook[]
  poststop?: Hook[]
}

export interface Hook {
  /** Absolute: a host path, for startContainer a container path. */
  path: string
  /** As for execv(3): the first is the name of the program. */
  args?: string[]
  env?: string[]
  /** Seconds, more than 0. */
  timeout?: number
}
