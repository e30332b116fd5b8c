/** Runs an experiment: every combination of its knobs in turn, and writes down what came of it. */
import { UtsuwaError } from '../errors.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../runtime/state/roots.ts'
import { checkExperiment } from './check.ts'
import type { Experiment, ExperimentInput } from './experiment.ts'
import { ResultFiles } from './files.ts'
import { gridOf, knobLabel, type PlannedRun } from './grid.ts'
import { describeMachine } from './machine.ts'
import { performRun } from './perform.ts'
import type { LabResults, RunRecord } from './results.ts'

/** How far an experiment is. */
export type LabProgress =
  | { readonly kind: 'started'; readonly run: PlannedRun; readonly total: number }
  | { readonly kind: 'ended'; readonly run: RunRecord; readonly total: number }

/** Options of `lab.run`. */
export interface LabOptions extends Roots {
  /** Directory for samples, results, the table and the page, made where it is missing. Default: nothing is written. */
  readonly out?: string
  /** Milliseconds between two samples, in place of the experiment's. */
  readonly intervalMs?: number
  /** In place of the experiment's. */
  readonly repeats?: number
  /** Ends the current run; what there is by then is the result. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: LabProgress) => void
}

/**
 * @param input path of a file, or an experiment as one has it; paths in an object are relative to the working directory
 * @throws UtsuwaError INVALID_ARGUMENT for an experiment that is none, with file, line and key
 */
export async function runLab(input: string | ExperimentInput, options: LabOptions = {}): Promise<LabResults> {
  const experiment = override(await experimentOf(input), options)
  const { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT, out, onProgress } = options
  const { signal = new AbortController().signal } = options
  const plan = gridOf(experiment)
  const machine = describeMachine()
  using files = out === undefined ? undefined : new ResultFiles(out)
  const runs: RunRecord[] = []
  for (const planned of plan) {
    if (signal.aborted) break
    onProgress?.({ kind: 'started', run: planned, total: plan.length })
    const run = await performRun(experiment, planned, {
      roots: { root, runRoot },
      signal,
      onSample: (name, sample) => files?.sample(planned.index, name, sample),
    })
    runs.push(run)
    files?.run(run)
    onProgress?.({ kind: 'ended', run, total: plan.length })
  }
  const results: LabResults = {
    name: experiment.name,
    description: experiment.description,
    metrics: experiment.metrics.map(({ name, unit }) => ({ name, unit })),
    knobs: experiment.sweep.map(sweep => ({ label: knobLabel(sweep), file: sweep.file, values: sweep.values })),
    containers: experiment.containers.map(({ name }) => name),
    hasParent: experiment.parent !== undefined,
    intervalMs: experiment.intervalMs,
    machine,
    runs,
    planned: plan.length,
    interrupted: signal.aborted,
    text: experiment.text,
    directory: files?.directory,
  }
  files?.finish(results)
  return results
}

async function experimentOf(input: string | ExperimentInput): Promise<Experiment> {
  if (typeof input !== 'string') return checkExperiment(input, { file: 'experiment', directory: process.cwd() })
  const { readExperiment } = await import('./read.ts')
  return readExperiment(input)
}

function override(experiment: Experiment, { intervalMs, repeats }: LabOptions): Experiment {
  for (const [option, value] of Object.entries({ intervalMs, repeats }))
    if (value !== undefined && !(value >= 1))
      throw new UtsuwaError('INVALID_ARGUMENT', `must be at least 1, found ${value}`, { operation: `set ${option}` })
  return {
    ...experiment,
    intervalMs: intervalMs ?? experiment.intervalMs,
    repeats: repeats ?? experiment.repeats,
  }
}
