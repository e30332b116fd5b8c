/** What is as it was at the start of a run once all containers, images, volumes and networks have been removed. */
import type { World } from '../world.ts'

export interface Invariant {
  readonly name: string
  /** One line for each thing that there is; without what changes by itself. */
  observe(world: World): string[]
  /** Default: what there is now and was not, and the reverse. */
  differences?(before: readonly string[], now: readonly string[]): string[]
}

export function differences(
  { differences: ownDifferences }: Invariant,
  before: readonly string[],
  now: readonly string[],
): string[] {
  if (ownDifferences !== undefined) return ownDifferences(before, now)
  return [...without(now, before).map(line => `+ ${line}`), ...without(before, now).map(line => `- ${line}`)]
}

/** Lines that there are more often here than there. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = Map.groupBy(others, line => line)
  return lines.filter(line => left.get(line)?.pop() === undefined)
}
