/** What a user of testcontainers writes, without a network between container and test. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { isUtsuwaError, type UtsuwaErrorCode } from '../../../src/index.ts'
import { GenericContainer, Wait } from '../../../src/testing/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children } from '../lifecycle/support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot } = sandbox

const shell = (script: string) => new GenericContainer({ rootfs, runRoot }).withCommand(['sh', '-c', script])
const withCode = (code: UtsuwaErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(isUtsuwaError(error, code), String(error))
  assert.match(error.message, message)
  return true
}

function assertNothingLeft(): void {
  assert.deepEqual(readdirSync(join(runRoot, 'containers')), [])
  assert.deepEqual(children(), [])
}

test('started, ready by its log, asked, logged, stopped', async () => {
  const script =
    'trap "echo bye; exit 0" TERM; echo "$GREETING"; echo ready >&2; echo ready; while :; do sleep 0.1; done'
  const container = await shell(script)
    .withEnvironment({ GREETING: 'overwritten' })
    .withEnvironment({ GREETING: 'hello' })
    .withName('generic')
    .withTmpFs({ '/tmp': 'size=1m' })
    .withUser('alice')
    .withWorkingDir('/tmp')
    .withCopyContentToContainer([{ content: 'one', target: '/etc/one' }])
    .withCopyContentToContainer([{ content: '#!/bin/sh\necho two', target: '/bin/two', mode: 0o755 }])
    .withWaitStrategy(Wait.forLogMessage(/^ready$/, 2))
    .start()
  assert.equal(container.getName(), 'generic')
  assert.match(container.getId(), /^[0-9a-f]{64}$/)
  assert.deepEqual(await container.exec(['cat', '/etc/one']), { output: 'one', stdout: 'one', stderr: '', exitCode: 0 })
  const { output } = await container.exec('two; id -un; pwd; echo $X >&2; exit 3', { env: { X: 'x' } })
  assert.equal(output, 'two\nalice\n/tmp\nx\n')
  await container.copyContentToContainer([{ content: 'late', target: '/tmp/late' }])
  assert.equal((await container.exec('cat late; id -u', { workingDir: '/tmp', user: 'root' })).stdout, 'late0\n')
  const [first, second] = await Promise.all([container.logs(), container.logs()])
  await container.stop()
  for (const logs of [first, second]) assert.match(await text(logs), /^hello\n(?:ready\n){2}bye\n$/)
  assertNothingLeft()
})

test('ready by a command, by its end, by several at once', async () => {
  {
    await using _container = await shell('sleep 0.3; touch /tmp/up; sleep 1000')
      .withWaitStrategy(
        Wait.forAll([Wait.forSuccessfulCommand('test -e /tmp/up'), Wait.forSuccessfulCommand(['true'])]),
      )
      .start()
  }
  const once = await shell('echo done').withWaitStrategy(Wait.forOneShotStartup()).start()
  assert.equal(await text(await once.logs()), 'done\n')
  await once.stop()
  assertNothingLeft()
})

test('one that does not become ready: why, and what it said', async () => {
  const waiting = Wait.forLogMessage('never')
  await assert.rejects(
    shell('echo starting; sleep 1000').withWaitStrategy(waiting).withStartupTimeout(500).start(),
    withCode('TIMEOUT', /is ready: it is not after 500 ms; it printed: starting$/),
  )
  await assert.rejects(
    shell('echo broken >&2; exit 9').withWaitStrategy(waiting).start(),
    withCode('CONTAINER_NOT_RUNNING', /it ended with exit code 9; it printed: broken$/),
  )
  await assert.rejects(
    shell('exit 4').withWaitStrategy(Wait.forOneShotStartup()).start(),
    withCode('CONTAINER_NOT_RUNNING', /it ended with exit code 4/),
  )
  await assert.rejects(
    new GenericContainer({ rootfs, runRoot }).withCommand(['nope']).start(),
    withCode('COMMAND_NOT_FOUND', /nope/),
  )
  assertNothingLeft()
})

test('one that ignores SIGTERM is killed, and a second stop is fine', async () => {
  const container = await new GenericContainer({ rootfs, runRoot }).withCommand(['sleep', '1000']).start()
  await container.stop({ timeout: 50 })
  await container.stop()
  assertNothingLeft()
})
