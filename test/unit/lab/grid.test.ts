import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gridOf, limitsIn } from '../../../src/lab/grid.ts'
import { knobNumber, knobText, sizeOf } from '../../../src/lab/knobs.ts'

const sweep = [
  { target: undefined, file: 'memory.max', values: ['32M', 'max'] },
  { target: 'heavy', file: 'cpu.weight', values: ['1', '2'] },
]

test('every combination, then every combination again', () => {
  const runs = gridOf({ sweep, repeats: 2 })
  assert.deepEqual(
    runs.map(({ index, repeat, knobs }) => [index, repeat, ...knobs.map(({ value }) => value)].join(' ')),
    ['0 0 32M 1', '1 0 32M 2', '2 0 max 1', '3 0 max 2', '4 1 32M 1', '5 1 32M 2', '6 1 max 1', '7 1 max 2'],
  )
  assert.deepEqual(
    runs[0]!.knobs.map(({ label }) => label),
    ['memory.max', 'heavy cpu.weight'],
  )
})

test('without a sweep there is one run', () => assert.deepEqual(gridOf({ sweep: [], repeats: 1 }).length, 1))

test('knobs are for whom they are meant', () => {
  const [{ knobs }] = gridOf({ sweep, repeats: 1 }) as [ReturnType<typeof gridOf>[number]]
  assert.deepEqual(limitsIn(knobs, 'heavy', { 'memory.max': '1', 'pids.max': '5' }), {
    'memory.max': '32M',
    'pids.max': '5',
    'cpu.weight': '1',
  })
  assert.deepEqual(limitsIn(knobs, 'light', {}), { 'memory.max': '32M' })
  assert.deepEqual(limitsIn(knobs, 'parent', {}), {})
})

test('values as the kernel takes them, and as numbers', () => {
  assert.equal(knobText('memory.max', ' 64M '), '64M')
  assert.equal(knobText('io.max', '8:0 rbps=1M wiops=120'), '8:0 rbps=1048576 wiops=120')
  assert.throws(() => knobText('io.max', '/proc rbps=1M'), /does not lie on a block device/)
  assert.equal(sizeOf('1.5G'), 1.5 * 2 ** 30)
  assert.equal(knobNumber('memory.max', '64M'), 2 ** 26)
  assert.equal(knobNumber('memory.max', 'max'), Number.POSITIVE_INFINITY)
  assert.equal(knobNumber('cpu.max', '50000 100000'), 0.5)
  assert.equal(knobNumber('io.max', '8:0 rbps=1048576'), 1048576)
  assert.equal(knobNumber('cpuset.cpus', '0-3'), undefined)
})
