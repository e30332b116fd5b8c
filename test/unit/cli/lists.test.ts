import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFinding } from '../../../src/cli/commands/doctor.ts'
import { splitReference } from '../../../src/cli/commands/images.ts'
import { describeStatus } from '../../../src/cli/commands/ps.ts'
import { PullDisplay } from '../../../src/cli/pull-image.ts'
import { parseDigest } from '../../../src/spec/digest.ts'

test('an image’s name is split into repository and tag', () => {
  assert.deepEqual(splitReference('localhost:5000/a/b:1.2'), ['localhost:5000/a/b', '1.2'])
  assert.deepEqual(splitReference('localhost:5000/a@sha256:00'), ['localhost:5000/a', '<none>'])
  assert.deepEqual(splitReference('localhost:5000/a'), ['localhost:5000/a', '<none>'])
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

test('a pull that nobody watches prints a line for each layer and no control characters', () => {
  let text = ''
  const display = new PullDisplay(false, more => {
    text += more
  })
  const digest = parseDigest(`sha256:${'ab'.repeat(32)}`)
  display.show({ kind: 'resolved', reference: 'localhost/a:1', digest, layers: [] })
  display.show({ kind: 'downloading', digest, current: 1, total: 2 })
  display.show({ kind: 'downloaded', digest })
  display.show({ kind: 'unpacked', digest })
  display.end()
  assert.equal(text, `localhost/a:1: 0 layers, ${digest}\nabababababab: unpacked\n`)
})
