import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chromeTrace, fromMonotonic, noMarks, phasesOf, timelineOf } from '../../../../src/engine/container/timeline.ts'

const marks = {
  begin: 10,
  prepared: 11,
  launching: 12,
  cgroupReady: 12.5,
  initExecuted: 13,
  ready: 15,
  created: 15.25,
  starting: 20,
  started: 21,
  ended: 31,
  removed: 32.001,
}

test('phases in the order in which they began, in microseconds', () => {
  const timeline = timelineOf(marks)
  assert.deepEqual(
    timeline.map(({ name, within, begin, duration }) => [within, name, begin, duration]),
    [
      [undefined, 'prepare', 10_000, 1000],
      [undefined, 'create', 11_000, 4250],
      ['create', 'plan', 11_000, 1000],
      ['create', 'cgroup', 12_000, 500],
      ['create', 'clone', 12_500, 500],
      ['create', 'init', 13_000, 2000],
      ['create', 'record', 15_000, 250],
      [undefined, 'start', 20_000, 1000],
      [undefined, 'run', 21_000, 10_000],
      [undefined, 'remove', 31_000, 1001],
    ],
  )
  assert.equal(phasesOf(timeline).init, 2000)
})

test('what did not happen has no span and takes no time', () => {
  const timeline = timelineOf({ ...marks, starting: 0, started: 0 })
  assert.ok(!timeline.some(({ name }) => name === 'start' || name === 'run'))
  assert.deepEqual([phasesOf(timeline).start, phasesOf(timeline).run], [0, 0])
  assert.deepEqual(timelineOf(noMarks), [])
})

test('a time of the kernel stands between two of our own', () => {
  const before = performance.now()
  const time = fromMonotonic(process.hrtime.bigint())
  // The two clocks are read one after the other.
  assert.ok(time >= before - 1 && time <= performance.now() + 1, `${before} ${time}`)
})

test('a trace has a row for each run', () => {
  const { traceEvents } = chromeTrace([timelineOf(marks), [{ name: 'other', begin: 1, duration: 2 }]])
  assert.deepEqual(traceEvents.at(0), { name: 'prepare', ph: 'X', ts: 10_000, dur: 1000, pid: process.pid, tid: 1 })
  assert.deepEqual(traceEvents.at(-1), { name: 'other', ph: 'X', ts: 1, dur: 2, pid: process.pid, tid: 2 })
})
