/** Every combination of the values of an experiment's sweep. */
import { type Experiment, type Limits, PARENT, type Sweep } from './experiment.ts'

/** One value of one knob. */
export interface Knob {
  /** `memory.max`, or with the container whose it is: `heavy cpu.weight`. */
  readonly label: string
  readonly target: string | undefined
  readonly file: string
  readonly value: string
}

export interface PlannedRun {
  /** From 0, in the order in which they run. */
  readonly index: number
  /** From 0. */
  readonly repeat: number
  readonly knobs: readonly Knob[]
}

export function knobLabel({ target, file }: Pick<Sweep, 'target' | 'file'>): string {
  return target === undefined ? file : `${target} ${file}`
}

/** All combinations, then all of them again: what changes with time on a machine falls on every combination alike. */
export function gridOf({ sweep, repeats }: Pick<Experiment, 'sweep' | 'repeats'>): PlannedRun[] {
  const combinations = sweep.reduce<Knob[][]>(
    (rows, { target, file, values }) =>
      rows.flatMap(row => values.map(value => [...row, { label: knobLabel({ target, file }), target, file, value }])),
    [[]],
  )
  return Array.from({ length: repeats }, (_, repeat) => combinations.map(knobs => ({ repeat, knobs })))
    .flat()
    .map((run, index) => ({ index, ...run }))
}

/** Limits of a container in a run: its own, and over them the knobs that are for it. */
export function limitsIn(knobs: readonly Knob[], name: string, own: Limits): Limits {
  const isMeant = ({ target }: Knob): boolean => (target === undefined ? name !== PARENT : target === name)
  return { ...own, ...Object.fromEntries(knobs.filter(isMeant).map(({ file, value }) => [file, value])) }
}
