import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CgroupSample } from '../../../src/cgroup/stats/sample.ts'
import { SeriesBuilder } from '../../../src/lab/series.ts'

const sample = (ms: number, files: Record<string, string>): CgroupSample => ({ atUsec: ms * 1000, files })
const cpu = (usage: number, throttled = 0): string =>
  `usage_usec ${usage}\nnr_periods ${throttled * 2}\nnr_throttled ${throttled}\nthrottled_usec 0\n`

test('columns have a row for each sample, rates over the last tenth of a second', () => {
  const builder = new SeriesBuilder()
  for (let ms = 1000; ms <= 1400; ms += 100)
    builder.add(sample(ms, { 'cpu.stat': cpu((ms - 1000) * 500), 'pids.current': '3\n', 'pids.max': 'max\n' }))
  const series = builder.build(1_000_000)
  assert.deepEqual(series.time, [0, 100, 200, 300, 400])
  assert.deepEqual(series.cpu, [null, 0.5, 0.5, 0.5, 0.5])
  assert.deepEqual(series.pids, [3, 3, 3, 3, 3])
  assert.deepEqual(series.pidsMax, [null, null, null, null, null])
  assert.deepEqual(series.memory, [null, null, null, null, null])
})

test('events between two samples are marks', () => {
  const builder = new SeriesBuilder()
  const events = (high: number, kills: number): Record<string, string> => ({
    'memory.events': `low 0\nhigh ${high}\nmax 0\noom 0\noom_kill ${kills}\n`,
  })
  builder.add(sample(0, events(1, 0)))
  builder.add(sample(10, events(1, 0)))
  builder.add(sample(20, events(5, 0)))
  builder.add(sample(30, events(5, 1)))
  assert.deepEqual(builder.build(0).marks, [
    { time: 20, kind: 'high', count: 4 },
    { time: 30, kind: 'oom_kill', count: 1 },
  ])
})

test('however long it runs, a series has a bounded length, both ends, and every event', () => {
  const builder = new SeriesBuilder()
  for (let ms = 0; ms < 100_000; ms += 10) builder.add(sample(ms, { 'cpu.stat': cpu(ms, ms / 10) }))
  const series = builder.build(0)
  assert.equal(builder.count, 10_000)
  assert.ok(series.time.length <= 1200 && series.time.length >= 600, `${series.time.length} rows`)
  assert.deepEqual([series.time[0], series.time.at(-1)], [0, 99_990])
  assert.ok(series.marks.length <= 300)
  assert.equal(
    series.marks.reduce((sum, { count }) => sum + count, 0),
    9999,
  )
  assert.equal(builder.ends()!.last.atUsec, 99_990_000)
})
