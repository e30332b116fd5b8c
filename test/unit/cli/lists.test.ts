import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFinding } from '../../../src/cli/commands/doctor.ts'
import { splitReference } from '../../../src/cli/commands/images.ts'
import { describeStatus } from '../../../src/cli/commands/ps.ts'

test('an image’s name is split into repository and tag', () => {
  assert.deepEqual(splitReference('localhost:5000/a/b:1.2'), ['localhost:5000/a/b', '1.2'])
  assert.deepEqual(splitReference('localhost:5000/a@sha256:00'), ['localhost:5000/a', '<none>'])
  assert.deepEqual(splitReference('localhost:5000/a'), ['localhost:5000/a', '<none>'])
  assert.deepEqual(splitReference('localhost:5000/a:1@sha256:00'), ['localhost:5000/a', '1'])
  assert.deepEqual(splitReference('@sha256:00'), ['<none>', '<none>'])
})

test('a container’s status is told in docker’s words', () => {
  const created = '2026-01-01T00:00:00Z'
  const now = Date.parse('2026-01-01T00:05:00Z')
  const tell = (status: Parameters<typeof describeStatus>[0]['status'], exitCode?: number): string =>
    describeStatus({ status, created, exitCode }, now)
  assert.equal(tell('running'), 'Up 5 minutes')
  assert.equal(tell('paused'), 'Up 5 minutes (Paused)')
  assert.equal(tell('created'), 'Created')
  assert.equal(tell('stopped', 7), 'Exited (7)')
  assert.equal(tell('stopped'), 'Exited (unknown)')
})

test('a finding is one line, with its fix', () => {
  assert.equal(formatFinding({ id: 'x', status: 'ok', message: 'fine' }), 'ok    fine\n')
  assert.equal(formatFinding({ id: 'x', status: 'fail', message: 'bad', fix: 'do it' }), 'fail  bad; fix: do it\n')
})
