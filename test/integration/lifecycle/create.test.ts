/** A container in a program's hands: created, started, killed, removed, and nothing left of it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import {
  type Container,
  type CreateOptions,
  containers,
  create,
  isUtsuwaError,
  removeContainer,
  type UtsuwaErrorCode,
} from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children, openDescriptors, sh } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const withCode = (code: UtsuwaErrorCode) => (error: unknown) => isUtsuwaError(error, code)
const { runRoot } = sandbox

function createBox(args: readonly string[], options: CreateOptions = {}) {
  return create({ rootfs: sandbox.rootfs, runRoot, stdio: 'ignore', args, ...options })
}

async function assertNothingLeft(): Promise<void> {
  assert.deepEqual(await containers({ runRoot }), [])
  assert.deepEqual(readdirSync(join(runRoot, 'containers')), [])
  assert.deepEqual(children(), [])
}

test('created, then running, then stopped with its exit code, then removed', async () => {
  const box = await createBox(['sh', '-c', 'sleep 0.1; exit 4'], { name: 'four' })
  const status = async () => (await containers({ runRoot })).map(({ status, exitCode }) => [status, exitCode])
  assert.deepEqual(await status(), [['created', undefined]])
  await box.start()
  assert.deepEqual(await status(), [['running', undefined]])
  const result = await box.wait()
  assert.equal(result.exitCode, 4)
  assert.deepEqual(await status(), [['stopped', 4]])
  assert.equal(await removeContainer('four', { runRoot }), box.id)
  await assertNothingLeft()
})

test('disposal kills and removes what runs, what was never started, and what is gone already', async () => {
  {
    await using running = await createBox(['sleep', '100'])
    await running.start()
    await using _created = await createBox(['sleep', '100'])
    const ended = await createBox(['true'])
    await ended.start()
    await ended.wait()
    await ended.delete()
    await ended.delete()
  }
  await assertNothingLeft()
})

test('a wait that is under way when its container is deleted still resolves', async () => {
  const box = await createBox(['sleep', '100'])
  await box.start()
  const result = box.wait()
  await box.delete()
  assert.equal((await result).signal, 'SIGKILL')
  await assertNothingLeft()
})

test('a command that cannot be started leaves no zombie', async () => {
  await assert.rejects(createBox(['/nope']), withCode('COMMAND_NOT_FOUND'))
  await assertNothingLeft()
})

test('a name belongs to the first who took it, also after a second was refused', async () => {
  await using first = await createBox(['sleep', '100'], { name: 'web' })
  for (let attempt = 0; attempt < 2; attempt++)
    await assert.rejects(createBox(['sleep', '100'], { name: 'web' }), withCode('CONTAINER_EXISTS'))
  assert.deepEqual(
    (await containers({ runRoot })).map(({ id, name }) => [id, name]),
    [[first.id, 'web']],
  )
  await assert.rejects(removeContainer('web', { runRoot }), withCode('CONTAINER_STATE'))
  await removeContainer('web', { runRoot, force: true })
})

test('kill: only while it runs', async () => {
  const box = await createBox(['sleep', '100'])
  await box.start()
  box.kill(9)
  await box.wait()
  assert.throws(() => box.kill(), withCode('CONTAINER_NOT_RUNNING'))
  await box.delete()
  assert.throws(() => box.kill(), withCode('CONTAINER_NOT_FOUND'))
})

test('two callers may list and collect at once', async () => {
  await Promise.all(Array.from({ length: 4 }, () => sh(sandbox, 'true')))
  await Promise.all([containers({ runRoot }), containers({ runRoot }), containers({ runRoot })])
  await assertNothingLeft()
})

test('200 runs leave no process, descriptor, cgroup, mount or directory', async () => {
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8')
  const ids: string[] = []
  const onStart = (box: Container): void => void ids.push(box.id)
  const kill = (box: Container): void => {
    onStart(box)
    box.kill(9)
  }
  await sh(sandbox, 'true')
  const before = { descriptors: openDescriptors(), mounts: mounts() }
  for (let round = 0; round < 40; round++)
    await Promise.all([
      sh(sandbox, 'exit 3', { onStart }),
      sh(sandbox, 'echo x', { onStart }),
      sh(sandbox, 'cat', { onStart: kill }),
      assert.rejects(sh(sandbox, 'true', { cwd: '/bin/busybox' })),
      assert.rejects(createBox(['garbage-that-is-nowhere'])),
    ])
  // streams are closed by the event loop's next turns
  await new Promise(resolve => setTimeout(resolve, 100))
  await assertNothingLeft()
  assert.equal(ids.length, 120)
  assert.deepEqual(cgroupsOf(ids), [])
  assert.equal(mounts(), before.mounts)
  assert.ok(openDescriptors() <= before.descriptors, `${openDescriptors()} descriptors, before ${before.descriptors}`)
})

/** Those of the ids that still name a cgroup. */
function cgroupsOf(ids: readonly string[]): string[] {
  const hierarchy = existsSync('/sys/fs/cgroup/unified') ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup'
  const names = new Set(readdirSync(hierarchy, { recursive: true }).map(path => basename(String(path))))
  return ids.filter(id => names.has(id))
}
