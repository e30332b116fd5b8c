/** Containers that are created before anybody needs them. */
import assert from 'node:assert/strict'
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { containers, createPool, isUtsuwaError, type PoolOptions, type UtsuwaErrorCode } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children, openDescriptors } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot } = sandbox

const withCode = (code: UtsuwaErrorCode) => (error: unknown) => isUtsuwaError(error, code)

const poolOf = (size: number, options: Partial<PoolOptions> = {}) =>
  createPool({
    rootfs,
    runRoot,
    args: ['sh', '-c', 'cat /tmp/task; exit 3'],
    stdio: 'capture',
    size,
    tmpfs: ['/tmp'],
    ...options,
  })

const statuses = async () => (await containers({ runRoot })).map(({ status }) => status)

async function assertNothingLeft(): Promise<void> {
  assert.deepEqual(readdirSync(join(runRoot, 'containers')), [])
  assert.deepEqual(children(), [])
}

test('those that wait are created; one that is taken runs, gets its files, and is replaced', async () => {
  {
    await using pool = await poolOf(3)
    assert.deepEqual(await statuses(), ['created', 'created', 'created'])
    const box = await pool.take({ files: { '/tmp/task': 'task 1' } })
    const { exitCode, stdout } = await box.wait()
    assert.deepEqual([exitCode, stdout], [3, 'task 1'])
    await new Promise(setImmediate)
    await pool.filled()
    assert.deepEqual(await statuses(), ['created', 'created', 'created'])
  }
  await assertNothingLeft()
})

test('more takers than waiting containers are served all the same, each with a container of its own', async () => {
  await using pool = await poolOf(2)
  const boxes = await Promise.all(
    Array.from({ length: 7 }, (_, index) => pool.take({ files: { '/tmp/task': `${index}` } })),
  )
  const results = await Promise.all(boxes.map(box => box.wait()))
  assert.deepEqual(
    results.map(({ stdout }) => stdout),
    ['0', '1', '2', '3', '4', '5', '6'],
  )
  assert.equal(new Set(boxes.map(({ id }) => id)).size, 7)
})

test('one that was killed while it waited is not handed out', async () => {
  await using pool = await poolOf(1)
  const [waiting] = await containers({ runRoot })
  process.kill(waiting!.pid, 'SIGKILL')
  const box = await pool.take({ files: { '/tmp/task': 'x' } })
  assert.notEqual(box.id, waiting!.id)
  assert.equal((await box.wait()).stdout, 'x')
})

test('closing removes those that wait and those that were taken, and hands out no more', async () => {
  const before = openDescriptors()
  const pool = await poolOf(2, { args: ['sleep', '1000'] })
  const box = await pool.take()
  const ended = box.wait()
  const late = pool.take()
  late.catch(() => undefined)
  await Promise.all([pool.close(), pool.close()])
  assert.equal((await ended).signal, 'SIGKILL')
  await assert.rejects(late, withCode('POOL_CLOSED'))
  await assert.rejects(pool.take(), withCode('POOL_CLOSED'))
  await assertNothingLeft()
  assert.ok(openDescriptors() <= before, `${openDescriptors()} descriptors, before ${before}`)
})

test('a signal closes it', async () => {
  const controller = new AbortController()
  const pool = await poolOf(1, { signal: controller.signal })
  controller.abort()
  await pool.close()
  await assertNothingLeft()
  await assert.rejects(poolOf(1, { signal: controller.signal }), withCode('ABORTED'))
  await assert.rejects(poolOf(0), withCode('INVALID_ARGUMENT'))
})

test('an error of creation is the caller’s at once; later it is the next taker’s, and passes with its cause', async () => {
  await assert.rejects(poolOf(3, { args: ['nope'] }), withCode('COMMAND_NOT_FOUND'))
  await assertNothingLeft()
  const tool = join(rootfs, 'bin/tool')
  writeFileSync(tool, '#!/bin/sh\necho tool\n', { mode: 0o755 })
  await using pool = await poolOf(1, { args: ['/bin/tool'] })
  chmodSync(tool, 0o644)
  // The one that waits finds out at its start, the one that would replace it at its creation.
  await assert.rejects(pool.take(), withCode('COMMAND_NOT_EXECUTABLE'))
  await assert.rejects(pool.take(), withCode('COMMAND_NOT_EXECUTABLE'))
  chmodSync(tool, 0o755)
  assert.equal((await (await pool.take()).wait()).stdout, 'tool\n')
})

test('a taker who gives up gets nothing, and the pool goes on', async () => {
  await using pool = await poolOf(1)
  await assert.rejects(pool.take({ signal: AbortSignal.abort() }), withCode('ABORTED'))
  assert.equal((await (await pool.take({ files: { '/tmp/task': 'on' } })).wait()).stdout, 'on')
})
