/** Causes of ends: their names, what they are told by, and what the rules know. */
import type { CgroupStats } from '../../cgroup/stats/stats.ts'
import type { OomKill } from '../../engine/end/outcome.ts'
import type { KeptLimits } from '../../engine/end/post-mortem.ts'
import type { StartFailure } from '../../runtime/state/record.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'

/** Stable names of causes. New ones may be added. */
export type CauseCode =
  // it has not ended, or nobody saw its end
  | 'running'
  | 'not-started'
  | 'not-recorded'
  // it ended by itself
  | 'completed'
  | 'failed'
  // it could not be started
  | 'command-not-found'
  | 'missing-interpreter'
  | 'crlf'
  | 'missing-loader'
  | 'not-executable' // EACCES
  | 'wrong-architecture'
  | 'not-a-program'
  | 'start-failed'
  | 'restart-failed'
  // somebody ended it
  | 'stopped'
  | 'stop-grace-exceeded'
  | 'killed-by-utsuwa'
  | 'killed-from-outside'
  | 'killed-inside' // a process of it, but not the first
  | 'timeout'
  | 'cpu-timeout'
  | 'cpu-time-limit' // RLIMIT_CPU
  // limits of its cgroup, or of one above
  | 'oom-own-limit'
  | 'oom-ancestor-limit'
  | 'oom-machine'
  | 'pids-limit'
  // what it did
  | 'seccomp'
  | 'segfault'
  | 'crashed'
  // what it said
  | 'no-space'
  | 'read-only-file-system'
  | 'missing-library'
  | 'not-permitted'

/** What an answer rests on. */
export interface Evidence {
  /** `kernel`: a counter, a status or a line of its log; `utsuwa`: what it has done itself; `log`: what the container printed; `spec`: what it was created with. */
  readonly source: 'kernel' | 'utsuwa' | 'log' | 'spec'
  /** One or two words, such as `exit` or `memory`. */
  readonly subject: string
  readonly text: string
}

/** What a container ended of. */
export interface Cause {
  readonly code: CauseCode
  /** `certain`: the kernel or utsuwa itself says so; `likely`: what else is known speaks for it. */
  readonly confidence: 'certain' | 'likely'
  /** A paragraph for people. */
  readonly summary: string
  /** What this answer rests on, beside the general figures. */
  readonly evidence: readonly Evidence[]
  /** What to change, a thing a line, with the flag to type. */
  readonly advice: readonly string[]
}

/** A signal that utsuwa sent, as the journal has it. */
export interface SentSignal {
  readonly time: string
  readonly signal: number
  readonly by: string | undefined
  /** Seconds, of a stop whose grace period was over. */
  readonly grace?: string
  /** Milliseconds, of a timeout. */
  readonly limit?: string
}

/** What the rules know. */
export interface DeathFacts {
  /** What people call it: its name, or the beginning of its id. */
  readonly name: string
  /** Of its first process. */
  readonly pid: number
  readonly exitCode: number
  /** Undefined when the first process exited by itself. */
  readonly signal: string | undefined
  readonly startFailure: StartFailure | undefined
  readonly sent: readonly SentSignal[]
  readonly oom: OomKill | undefined
  readonly stats: CgroupStats | undefined
  readonly limits: KeptLimits
  readonly spec: RuntimeSpec | undefined
  readonly kernelLog: readonly string[]
  /** Last lines of what it printed, without times. */
  readonly output: readonly string[]
  /** Places that it can write to, with no room left. */
  readonly full: readonly string[]
}

export type Rule = (facts: DeathFacts) => Cause | undefined

/** The command line with one flag more, for the advice: limits of a container that has ended are those of a new one. */
export function runWith(flag: string): string {
  return `run it with ${flag}: utsuwa run ${flag} …`
}
