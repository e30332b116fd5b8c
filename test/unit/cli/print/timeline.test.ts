import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTimeline } from '../../../../src/cli/print/timeline.ts'

test('a line for each phase, parts of a phase indented, what came before the run first', () => {
  const text = formatTimeline([
    { name: 'prepare', within: undefined, begin: 30_000, duration: 1500 },
    { name: 'create', within: undefined, begin: 31_500, duration: 2000 },
    { name: 'plan', within: 'create', begin: 31_500, duration: 400 },
  ])
  assert.equal(
    text,
    [
      '       at µs     took µs  phase',
      '           0       30000  program',
      '       30000        1500  prepare',
      '       31500        2000  create',
      '       31500         400    plan',
      '',
    ].join('\n'),
  )
})
