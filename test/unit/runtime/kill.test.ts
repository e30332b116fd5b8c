import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UtsuwaError } from '../../../src/errors.ts'
import { parseSignal } from '../../../src/runtime/kill.ts'

test('signals by name, with and without SIG, in any case, and by number', () => {
  for (const text of ['TERM', 'SIGTERM', 'sigterm', 'Term', '15']) assert.equal(parseSignal(text), 15)
  assert.equal(parseSignal('0'), 0)
  assert.equal(parseSignal('64'), 64)
  assert.equal(parseSignal('KILL'), 9)
})

test('real-time signals count from both ends', () => {
  assert.equal(parseSignal('RTMIN'), 34)
  assert.equal(parseSignal('SIGRTMIN+3'), 37)
  assert.equal(parseSignal('rtmax-1'), 63)
  assert.equal(parseSignal('RTMAX'), 64)
})

test('what is no signal is refused', () => {
  for (const text of [
    '',
    '65',
    '-1',
    '1.5',
    'SIG',
    'NOPE',
    'RTMIN+31',
    'RTMAX+1',
    'RTMIN-1',
    'RTMAX-31',
    'SIGSIGTERM',
    '9 ',
  ])
    assert.throws(
      () => parseSignal(text),
      (error: unknown) => error instanceof UtsuwaError && error.code === 'INVALID_ARGUMENT',
      text,
    )
})
