/** Rounds in which every contender has its turn, so that a busy moment of the machine hits all of them. */
import type { Cost } from './group.ts'

export interface Contender {
  name: string
  /** One cold run. `round` is unique, for names of stores. */
  run(round: string): Promise<Cost>
}

export interface Outcome {
  name: string
  costs: Cost[]
  /** Why there are no costs. */
  failure?: string
}

/**
 * Runs every contender `rounds` times, in an order that is turned by one each round.
 *
 * @throws the reason of `signal`, when it is aborted
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  label: string,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const outcomes = contenders.map<Outcome>(({ name }) => ({ name, costs: [] }))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (turn + round) % contenders.length
      const outcome = outcomes[index]!
      signal.throwIfAborted()
      if (outcome.failure !== undefined) continue
      try {
        outcome.costs.push(await contenders[index]!.run(`${label}-${outcome.name}-${round}`))
      } catch (error) {
        signal.throwIfAborted()
        outcome.failure = error instanceof Error ? error.message : String(error)
      }
    }
  }
  return outcomes
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A Markdown table of medians, with the spread of the wall time and its ratio to the best of the others. */
export function costTable(outcomes: readonly Outcome[]): string {
  const measured = outcomes.filter(({ failure }) => failure === undefined)
  const wallOf = ({ costs }: Outcome) => median(costs.map(({ wall }) => wall))
  const rows = outcomes.map(outcome => {
    if (outcome.failure !== undefined) return `| ${outcome.name} | cannot: ${outcome.failure.split('\n')[0]} | | | | |`
    const walls = outcome.costs.map(({ wall }) => wall)
    const others = measured.filter(other => other !== outcome).map(wallOf)
    const cells = [
      outcome.name,
      wallOf(outcome).toFixed(2),
      `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)}`,
      median(outcome.costs.map(({ cpu }) => cpu)).toFixed(2),
      (Math.max(...outcome.costs.map(({ memory }) => memory)) / 1e6).toFixed(0),
      others.length === 0 ? '' : (wallOf(outcome) / Math.min(...others)).toFixed(2),
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [
    '| | wall s | min–max | cpu s | peak MB | wall / best other |',
    '|---|---:|---:|---:|---:|---:|',
    ...rows,
  ].join('\n')
}
