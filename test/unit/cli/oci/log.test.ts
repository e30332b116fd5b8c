import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeError, jsonRecord, Log, textRecord } from '../../../../src/cli/oci/log.ts'
import { UtsuwaError } from '../../../../src/errors.ts'

const time = '2026-01-02T03:04:05Z'

test('a JSON record has the keys that engines read', () => {
  assert.deepEqual(JSON.parse(jsonRecord('error', 'no "x"', time, { code: 'UNSUPPORTED' })), {
    level: 'error',
    msg: 'no "x"',
    time,
    code: 'UNSUPPORTED',
  })
})

test('a text record does not steer the terminal', () => {
  const record = textRecord('error', 'a\x1b[2Jb\u009b2Jc\u202ed\ne', time, { path: '/\u009b' })
  assert.doesNotMatch(record, /[\p{Cc}\p{Cf}]/u)
  assert.match(record, /msg="a\\u001b\[2Jb\ufffd2Jc\ufffdd\\ne"/)
})

test('a text record quotes what needs it', () => {
  assert.equal(
    textRecord('error', 'no "x"', time, { code: 'UNSUPPORTED', path: '/a b' }),
    `time="${time}" level=error msg="no \\"x\\"" code=UNSUPPORTED path="/a b"`,
  )
})

test('a message is one line, with the hint', () => {
  const error = new UtsuwaError('UNSUPPORTED', 'first\n  second\n', { operation: 'do it', hint: 'do\nthat' })
  assert.equal(describeError(error), 'do it: first; second (do; that)')
  assert.equal(describeError('text'), 'text')
})

test('records are appended to the log file, the last being the error', t => {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'log.json')
  for (const reason of ['one', 'two']) {
    const log = new Log({ path, format: 'json', debug: false })
    log.debug('not asked for')
    log.warning(`${reason} warned`)
    log.error(new UtsuwaError('KERNEL_OPERATION_FAILED', reason, { errno: 1, configPointer: '/mounts/0' }))
    log.close()
  }
  const records = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, string>)
  assert.deepEqual(
    records.map(({ level, msg }) => [level, msg]),
    [
      ['warning', 'one warned'],
      ['error', 'one: EPERM (operation not permitted) [/mounts/0]'],
      ['warning', 'two warned'],
      ['error', 'two: EPERM (operation not permitted) [/mounts/0]'],
    ],
  )
  const last = records.at(-1)
  assert.equal(last?.errno, 'EPERM (operation not permitted)')
  assert.equal(last?.pointer, '/mounts/0')
  assert.match(last?.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
})

test('a log that cannot be opened says which', () => {
  assert.throws(() => new Log({ path: '/nowhere/log', format: 'text', debug: false }), {
    code: 'INVALID_ARGUMENT',
    message: 'open log /nowhere/log: ENOENT (no such file or directory)',
  })
})
