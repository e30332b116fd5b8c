/** Containers that go with the test that made them. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'
import { type Container, isUtsuwaError } from '../../../src/index.ts'
import { containersOf, withContainers } from '../../../src/testing/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot } = sandbox
const sleeper = { rootfs, runRoot, stdio: 'ignore', args: ['sleep', '1000'] } as const

const left = () => readdirSync(join(runRoot, 'containers'))

test('by the context of a test, also when it leaves them as they are', async t => {
  await t.test('inner', async inner => {
    const containers = containersOf(inner)
    const [started, created] = await Promise.all([containers.start(sleeper), containers.create(sleeper)])
    assert.deepEqual(left().sort(), [started.id, created.id].sort())
    const { stdout } = await containers.run({ rootfs, runRoot, args: ['echo', 'hi'] })
    assert.equal(stdout, 'hi\n')
    await assert.rejects(containers.create({ ...sleeper, args: ['nope'] }), isUtsuwaError)
  })
  assert.deepEqual(left(), [])
})

describe('by a function such as afterEach, for every test of a file', () => {
  const containers = containersOf(afterEach, { rootfs, runRoot, stdio: 'ignore' })
  for (const round of [1, 2])
    test(`round ${round}`, async () => {
      assert.deepEqual(left(), [])
      await containers.start({ args: ['sleep', '1000'] })
      assert.equal(left().length, 1)
    })
})

test('by the context of vitest, and by a function around the test', async () => {
  let remove: (() => Promise<void>) | undefined
  // As vitest has it: a function that refuses to be called.
  const context = Object.assign(() => assert.fail('called'), {
    onTestFinished: (then: () => Promise<void>) => {
      remove = then
    },
  })
  await containersOf(context).start(sleeper)
  await remove!()
  assert.deepEqual(left(), [])
  const used = withContainers(async containers => {
    await containers.start(sleeper)
    throw new Error('a test that fails')
  })
  await assert.rejects(used, /a test that fails/)
  assert.deepEqual(left(), [])
})

test('one that the test has deleted itself is fine', async t => {
  const box: Container = await containersOf(t).start(sleeper)
  await box.delete()
})
