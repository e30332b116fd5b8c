/** What comes out of an experiment. */
import type { ParsedSample } from '../cgroup/stats/sample.ts'
import type { Usage } from '../engine/end/outcome.ts'
import type { Knob } from './grid.ts'
import type { Machine } from './machine.ts'
import type { Series } from './series.ts'

/** Whose limit it was at which the kernel killed; `machine`: the machine's memory, or a cgroup above the experiment. */
export type KillingLevel = 'container' | 'parent' | 'machine'

/** How one container of one run ended. */
export interface ContainerResult {
  /** `exit 0`, `SIGSEGV`, `out of memory (parent)`, `time is up`, `interrupted`, or why it did not start. */
  readonly exit: string
  /** Undefined where it did not start. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly oom: { readonly level: KillingLevel; readonly kills: number } | undefined
  readonly seconds: number
  readonly usage: Usage | undefined
  /** By name; null where there is nothing to say. */
  readonly metrics: Readonly<Record<string, number | string | null>>
  /** What it printed, standard output and error, up to a bound. */
  readonly output: string
}

/** One run: its limits, how it ended, and its course. */
export interface RunRecord {
  readonly index: number
  readonly repeat: number
  /** In the order of the sweep. */
  readonly knobs: readonly Knob[]
  readonly started: string
  readonly containers: Readonly<Record<string, ContainerResult>>
  /** Series of each container, and of `parent`, for plots: thinned out. */
  readonly series: Readonly<Record<string, Series>>
  readonly samples: number
}

/** The first and the last sample of a cgroup, between which figures are differences. */
export interface Ends {
  readonly first: ParsedSample
  readonly last: ParsedSample
}

/** All runs of an experiment, and what it and the machine were. */
export interface LabResults {
  readonly name: string
  readonly description: string
  /** Names and units, in the order of the experiment. */
  readonly metrics: readonly { readonly name: string; readonly unit: string }[]
  readonly knobs: readonly { readonly label: string; readonly file: string; readonly values: readonly string[] }[]
  readonly containers: readonly string[]
  readonly hasParent: boolean
  readonly intervalMs: number
  readonly machine: Machine
  readonly runs: readonly RunRecord[]
  /** How many runs there should have been. */
  readonly planned: number
  readonly interrupted: boolean
  /** The experiment as its file has it. */
  readonly text: string | undefined
  /** Where files were written: absolute; undefined where none were. */
  readonly directory: string | undefined
}
