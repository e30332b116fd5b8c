/** What is written of an experiment: the table and the page. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toCsv } from '../../../src/lab/csv.ts'
import { withoutSeries } from '../../../src/lab/files.ts'
import { exitReason } from '../../../src/lab/measure.ts'
import { pageData } from '../../../src/lab/page.ts'
import { exampleResults } from '../../support/lab-results.ts'

test('the table has a row for each run, and quotes what needs it', () => {
  assert.equal(
    toCsv(exampleResults()),
    [
      'run,repeat,memory.max,heavy cpu.max,heavy exit,"heavy wall, s",light exit,"light wall, s"',
      '0,0,32M,50000 100000,exit 0,0.25,out of memory (parent),',
      '1,0,max,50000 100000,exit 0,0.25,out of memory (parent),',
      '',
    ].join('\n'),
  )
})

test('the page gets values of knobs as numbers', () => {
  assert.deepEqual(
    pageData(exampleResults()).knobs.map(({ numbers }) => numbers),
    [[2 ** 25, -1], [0.5]],
  )
})

test('results for programs have no series', () => {
  assert.doesNotMatch(JSON.stringify(withoutSeries(exampleResults())), /"series"/)
})

test('why a container ended, in a few words', () => {
  const reason = (end: { exitCode: number; signal?: string }, level?: 'parent', cut?: 'time is up'): string =>
    exitReason({ result: { signal: undefined, ...end } as never, level, cut })
  assert.equal(reason({ exitCode: 3 }), 'exit 3')
  assert.equal(reason({ exitCode: 139, signal: 'SIGSEGV' }), 'SIGSEGV')
  assert.equal(reason({ exitCode: 137, signal: 'SIGKILL' }, undefined, 'time is up'), 'time is up')
  assert.equal(reason({ exitCode: 137, signal: 'SIGKILL' }, 'parent'), 'out of memory (parent)')
  assert.equal(reason({ exitCode: 1 }, 'parent'), 'exit 1, after an OOM kill')
})
