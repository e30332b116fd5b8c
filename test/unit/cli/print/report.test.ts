import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommanderError } from 'commander'
import { describe } from '../../../../src/cli/print/report.ts'
import { UtsuwaError } from '../../../../src/errors.ts'
import { failureStatus } from '../../../../src/util/exit-status.ts'

test('exit statuses are docker’s', () => {
  assert.equal(failureStatus(new UtsuwaError('COMMAND_NOT_FOUND', 'x')), 127)
  assert.equal(failureStatus(new UtsuwaError('COMMAND_NOT_EXECUTABLE', 'x')), 126)
  assert.equal(failureStatus(new UtsuwaError('IMAGE_NOT_FOUND', 'x')), 125)
  assert.equal(failureStatus(new Error('x')), 125)
})

test('a message is one line, the hint another', () => {
  const error = new UtsuwaError('UNSUPPORTED', 'a\nb', { hint: 'c\nd' })
  assert.deepEqual(describe(error), { message: 'a; b', hint: 'c; d' })
})

test('commander’s suggestion becomes the hint', () => {
  const error = new CommanderError(1, 'commander.unknownOption', "error: unknown option '--rmm'\n(Did you mean --rm?)")
  assert.deepEqual(describe(error), { message: "unknown option '--rmm'", hint: 'Did you mean --rm?' })
})
