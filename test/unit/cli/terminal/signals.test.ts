import assert from 'node:assert/strict'
import { constants as osConstants } from 'node:os'
import { test } from 'node:test'
import { FORWARDED_SIGNALS, forwardSignals } from '../../../../src/cli/terminal/signals.ts'
import { parseSignal } from '../../../../src/runtime/kill.ts'
import { exitStatus } from '../../../../src/util/exit-status.ts'

test('signals have names, short names and numbers', () => {
  for (const text of ['TERM', 'SIGTERM', 'sigterm', 'term', '15']) assert.equal(parseSignal(text), 15, text)
  assert.equal(parseSignal('KILL'), 9)
  assert.equal(parseSignal('RTMIN+3'), 37)
  assert.equal(parseSignal('SIGRTMAX'), 64)
  assert.equal(parseSignal('0'), 0)
  for (const text of ['', 'NOPE', '65', '-9', '9x']) assert.throws(() => parseSignal(text), /unknown signal/, text)
})

test('an end by a signal is 128 and its number', () => {
  assert.equal(exitStatus({ exitCode: 7, signal: undefined }), 7)
  assert.equal(exitStatus({ exitCode: undefined, signal: osConstants.signals.SIGKILL }), 137)
})

test('signals are passed on until disposal', () => {
  const before = FORWARDED_SIGNALS.map(signal => process.listenerCount(signal))
  const sent: string[] = []
  {
    using _signals = forwardSignals(signal => sent.push(signal))
    process.emit('SIGTERM', 'SIGTERM')
    process.emit('SIGHUP', 'SIGHUP')
  }
  assert.deepEqual(sent, ['SIGTERM', 'SIGHUP'])
  assert.deepEqual(
    FORWARDED_SIGNALS.map(signal => process.listenerCount(signal)),
    before,
  )
})
