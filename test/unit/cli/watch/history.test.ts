import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeHit, History, rateOf } from '../../../../src/cli/watch/history.ts'
import { NOON, sampleOf } from './samples.ts'

describe('History', () => {
  it('tells what counters went up, not what they were when it began', () => {
    const history = new History(1)
    assert.deepEqual(history.add(sampleOf(0, { high: 7, refusedForks: 1 })).hits, [])
    assert.deepEqual(history.add(sampleOf(1, { high: 9, refusedForks: 1, oomKill: 1 })).hits, [
      { kind: 'high', times: 2 },
      { kind: 'oom', times: 1 },
      { kind: 'oom_kill', times: 1 },
    ])
  })

  it('puts together what goes on, and begins anew after a pause; what went on last is last', () => {
    const history = new History(1)
    const add = (seconds: number, throttledPeriods: number, refusedForks: number) =>
      history.add(sampleOf(seconds, { throttledPeriods, throttledUsec: throttledPeriods * 60_000, refusedForks }))
    add(0, 0, 0)
    add(1, 5, 0)
    add(2, 5, 3)
    add(3, 10, 3)
    const throttled = {
      ...{ kind: 'throttled', times: 10, usec: 600_000 },
      ...{ since: NOON + 1000, until: NOON + 3000 },
    }
    const forks = { kind: 'forks', times: 3, since: NOON + 2000, until: NOON + 2000 }
    assert.deepEqual(history.happenings, [forks, throttled])
    add(10, 11, 3)
    assert.deepEqual(history.happenings.slice(0, 2), [forks, throttled])
    assert.equal(history.happenings[2]!.times, 1)
  })

  it('knows a rate from the second reading on, and takes a counter that began anew for standing still', () => {
    const history = new History(1)
    for (const [seconds, usageUsec] of [
      [0, 0],
      [1, 500_000],
      [3, 1_500_000],
      [4, 0],
    ] as const)
      history.add(sampleOf(seconds, { usageUsec }))
    const usage = rateOf(({ cpu }) => cpu?.usageUsec)
    assert.deepEqual(history.values(4, usage), [undefined, 500_000, 500_000, 0])
    assert.deepEqual(history.values(2, usage), [500_000, 0])
  })

  it('tells at once what happens between two columns', () => {
    const history = new History(1)
    const columns = [0, 0.5, 0.95, 1.4, 2].map(second => history.add(sampleOf(second, { high: second * 10 })))
    assert.deepEqual(
      columns.map(({ hits, isColumn }) => [hits.length, isColumn]),
      [
        [0, true],
        [1, false],
        [1, true],
        [1, false],
        [1, true],
      ],
    )
    assert.equal(history.values(9, ({ atUsec }) => atUsec).length, 3)
  })
})

it('what the kernel did is said with the file that asked for it', () => {
  assert.equal(
    describeHit({ kind: 'throttled', times: 1, usec: 1_250_000 }),
    'cpu.max: held back in a period, 1.3 s in all',
  )
  assert.equal(describeHit({ kind: 'oom_kill', times: 2 }), 'oom_kill: 2 processes killed')
  assert.equal(describeHit({ kind: 'forks', times: 3 }), 'pids.max: 3 forks refused')
})
