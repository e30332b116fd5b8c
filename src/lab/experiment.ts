/** What an experiment is, once it has been read and checked. */
import type { Statistic } from './statistics.ts'

/** Where a container's root file system comes from. */
export interface Source {
  /** Name, digest or id of an image in the store. */
  readonly image?: string
  /** A directory of this machine, absolute; it is used as it is, by one run after the other. */
  readonly rootfs?: string
}

/** Texts for files of a cgroup, by name. */
export type Limits = Readonly<Record<string, string>>

/** One of the containers that run side by side. */
export interface Competitor {
  readonly name: string
  readonly source: Source
  /** The image's own when absent. */
  readonly command: readonly string[] | undefined
  readonly env: Readonly<Record<string, string>>
  readonly limits: Limits
}

/** Values that a file of a cgroup gets, one after the other. */
export interface Sweep {
  /** The name of a container, `PARENT`, or undefined for every container. */
  readonly target: string | undefined
  readonly file: string
  readonly values: readonly string[]
}

/** What the common parent of the containers is called, where a container's name may stand. */
export const PARENT = 'parent'

/** A figure of a run. */
export interface Metric {
  readonly name: string
  readonly unit: string
  readonly measure:
    | { readonly kind: 'built-in'; readonly figure: BuiltInMetric }
    | {
        readonly kind: 'output'
        /** With one group, which is a number. */
        readonly pattern: RegExp
        readonly statistic: Statistic
      }
}

/** What is known of every run, with the unit that it is in. */
export const builtInMetrics = {
  wall: { unit: 's', about: 'time from the start of the command to its end' },
  exit: { unit: '', about: 'why it ended' },
  peak: { unit: 'bytes', about: 'most memory that was in use at once' },
  cpu: { unit: 's', about: 'CPU time' },
  cpus: { unit: 'CPUs', about: 'CPU time in each second' },
  throttled: { unit: '%', about: 'share of the periods at whose end cpu.max held it back' },
  'throttled-time': { unit: 's', about: 'how long cpu.max held it back, all its CPUs together' },
  'cpu-pressure': { unit: '%', about: 'share of the time in which something waited for a CPU' },
  'memory-pressure': { unit: '%', about: 'share of the time in which something waited for memory' },
  'io-pressure': { unit: '%', about: 'share of the time in which something waited for a disk' },
  read: { unit: 'bytes', about: 'read from block devices' },
  written: { unit: 'bytes', about: 'written to block devices' },
  pids: { unit: '', about: 'most processes and threads at once' },
  'forks-refused': { unit: '', about: 'processes that pids.max kept from being made' },
  'memory-high': { unit: '', about: 'how often memory.high held it back' },
  'memory-max': { unit: '', about: 'how often memory.max was hit' },
  'oom-kills': { unit: '', about: 'processes that the kernel killed for lack of memory' },
} as const

export type BuiltInMetric = keyof typeof builtInMetrics

/** An experiment, complete. */
export interface Experiment {
  readonly name: string
  readonly description: string
  /** At least one; the only one of an experiment without competitors is called `main`. */
  readonly containers: readonly Competitor[]
  /** A cgroup that all containers are in, with limits of its own. */
  readonly parent: { readonly limits: Limits } | undefined
  readonly sweep: readonly Sweep[]
  readonly repeats: number
  /** Milliseconds after which what still runs is killed; undefined: whenever it ends by itself. */
  readonly durationMs: number | undefined
  /** Milliseconds between two samples. */
  readonly intervalMs: number
  readonly metrics: readonly Metric[]
  /** The file's own text, for the page; undefined for an experiment that is an object. */
  readonly text: string | undefined
}

/** An experiment as a file or a program writes it; docs/lab.md describes it. */
export interface ExperimentInput {
  readonly name?: string
  readonly description?: string
  readonly image?: string
  readonly rootfs?: string
  readonly command?: string | readonly string[]
  readonly env?: Readonly<Record<string, string | number>>
  readonly limits?: Readonly<Record<string, string | number>>
  readonly containers?: Readonly<Record<string, ContainerInput>>
  readonly parent?: { readonly limits?: Readonly<Record<string, string | number>> }
  readonly sweep?: Readonly<Record<string, SweepInput | Readonly<Record<string, SweepInput>>>>
  readonly repeats?: number
  readonly duration?: string | number
  readonly interval?: string | number
  readonly metric?: MetricInput | readonly MetricInput[]
}

/** Values of one knob. */
export type SweepInput = readonly (string | number)[]

/** A competitor; what it leaves out is as the experiment has it. */
export type ContainerInput = Pick<ExperimentInput, 'image' | 'rootfs' | 'command' | 'env' | 'limits'>

/** A figure of every run, or a number that the command prints. */
export type MetricInput =
  | BuiltInMetric
  | {
      readonly name: string
      readonly pattern: string | RegExp
      readonly statistic?: Statistic
      readonly unit?: string
    }
