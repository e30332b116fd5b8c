/** What many numbers come down to. */

const percentile =
  (share: number) =>
  (sorted: readonly number[]): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

/** Statistics of numbers in rising order, at least one; percentiles by nearest rank. */
const bySorted = {
  min: (sorted: readonly number[]) => sorted[0]!,
  max: (sorted: readonly number[]) => sorted.at(-1)!,
  mean: (sorted: readonly number[]) => sum(sorted) / sorted.length,
  median: percentile(0.5),
  p90: percentile(0.9),
  p95: percentile(0.95),
  p99: percentile(0.99),
} as const

export const statistics = [
  'last',
  'first',
  'count',
  'sum',
  'rate',
  'min',
  'max',
  'mean',
  'median',
  'p90',
  'p95',
  'p99',
] as const

export type Statistic = (typeof statistics)[number]

/**
 * @param numbers in the order in which they came
 * @param seconds for `rate`, which is their sum by time
 * @returns undefined where there is nothing to say: no numbers, but for `count` and `sum`
 */
export function statisticOf(statistic: Statistic, numbers: readonly number[], seconds: number): number | undefined {
  if (statistic === 'count') return numbers.length
  if (statistic === 'sum') return sum(numbers)
  if (statistic === 'rate') return seconds > 0 ? sum(numbers) / seconds : undefined
  if (numbers.length === 0) return undefined
  if (statistic === 'first') return numbers[0]
  if (statistic === 'last') return numbers.at(-1)
  return bySorted[statistic](numbers.toSorted((a, b) => a - b))
}

/** @param numbers in any order, at least one */
export function median(numbers: readonly number[]): number {
  return bySorted.median(numbers.toSorted((a, b) => a - b))
}
