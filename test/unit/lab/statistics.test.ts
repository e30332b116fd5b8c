import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Statistic, statisticOf } from '../../../src/lab/statistics.ts'

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

test('statistics of numbers in the order in which they came', () => {
  const expected: Record<Statistic, number> = {
    last: 1,
    first: 100,
    count: 100,
    sum: 5050,
    rate: 2525,
    min: 1,
    max: 100,
    mean: 50.5,
    median: 50,
    p90: 90,
    p95: 95,
    p99: 99,
  }
  for (const [statistic, value] of Object.entries(expected))
    assert.equal(statisticOf(statistic as Statistic, hundred, 2), value, statistic)
})

test('of nothing there is a count and a sum alone', () => {
  assert.equal(statisticOf('count', [], 1), 0)
  assert.equal(statisticOf('sum', [], 1), 0)
  assert.equal(statisticOf('p99', [], 1), undefined)
  assert.equal(statisticOf('rate', [1], 0), undefined)
})
