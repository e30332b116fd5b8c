/** What a container tells while it lives: events, lines, web streams; and signals that end what is under way. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CreateOptions, create, isUtsuwaError } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot } = sandbox

const createBox = (script: string, options: CreateOptions = {}) =>
  create({ rootfs, runRoot, stdio: 'ignore', args: ['sh', '-c', script], ...options })

const aborted = (error: unknown) => isUtsuwaError(error, 'ABORTED')

test('start, pause, resume, exit', async () => {
  await using box = await createBox('sleep 1000')
  const events = box.events()
  const next = async () => (await events.next()).value!
  await box.start()
  assert.equal((await next()).type, 'start')
  await box.pause()
  assert.equal((await next()).type, 'pause')
  await box.resume()
  assert.equal((await next()).type, 'resume')
  box.kill(9)
  const { time: _, ...last } = await next()
  assert.deepEqual(last, { type: 'exit', exitCode: 137, signal: 'SIGKILL' })
  assert.equal((await events.next()).done, true)
  assert.equal((await box.wait()).exitCode, 137)
})

test('none of pauses that follow each other closely is missed', async () => {
  await using box = await createBox('sleep 1000')
  await box.start()
  const events = Array.fromAsync(box.events())
  for (let round = 0; round < 3; round++) {
    await box.pause()
    await box.resume()
  }
  box.kill(9)
  const types = (await events).map(({ type }) => type)
  assert.deepEqual(types, ['pause', 'resume', 'pause', 'resume', 'pause', 'resume', 'exit'])
})

test('whoever listens when it has ended, or is removed, hears of the exit', async () => {
  await using box = await createBox('exit 3')
  await box.start()
  await box.wait()
  const [event] = await Array.fromAsync(box.events())
  assert.ok(event?.type === 'exit' && event.exitCode === 3)
  const never = await createBox('true')
  const events = Array.fromAsync(never.events())
  await never.delete()
  assert.deepEqual(
    (await events).map(({ type }) => type),
    ['exit'],
  )
})

test('lines of a container and of a process in it', async () => {
  await using box = await createBox('echo ready; echo warning >&2; read answer; echo $answer; exec sleep 1000', {
    stdio: 'pipe',
  })
  await box.start()
  for await (const line of box.lines()) {
    assert.equal(line, 'ready')
    break
  }
  assert.equal((await box.lines('stderr').next()).value, 'warning')
  box.stdin!.write('fine\n')
  assert.equal((await box.lines().next()).value, 'fine')
  const process = await box.spawn(['seq', '3'], { stdio: ['ignore', 'pipe', 'ignore'] })
  assert.deepEqual(await Array.fromAsync(process.lines()), ['1', '2', '3'])
  assert.throws(
    () => process.lines('stderr'),
    (error: unknown) => isUtsuwaError(error, 'INVALID_ARGUMENT'),
  )
})

test('web streams', async () => {
  await using box = await createBox('cat', { stdio: 'pipe' })
  await box.start()
  const { stdin, stdout } = box.webStreams()
  const writer = stdin!.getWriter()
  await writer.write(Buffer.from('over the web'))
  await writer.close()
  assert.equal(await new Response(stdout as never).text(), 'over the web')
  assert.equal((await box.wait()).exitCode, 0)
})

test('a signal that fires while a container is created ends the creation, and leaves nothing', async () => {
  const hang = { path: '/bin/sleep', args: ['sleep', '1000'] }
  const controller = new AbortController()
  const creating = createBox('true', {
    signal: controller.signal,
    editSpec: spec => {
      setTimeout(() => controller.abort(), 200)
      return { ...spec, hooks: { createContainer: [hang] } }
    },
  })
  await assert.rejects(creating, aborted)
  assert.deepEqual(readdirSync(join(runRoot, 'containers')), [])
  assert.deepEqual(children(), [])
})

test('a signal that fires while a process is started in a container kills it', async () => {
  await using box = await createBox('sleep 1000')
  await box.start()
  const controller = new AbortController()
  const running = box.exec(['sleep', '1000'], { stdio: 'ignore', signal: controller.signal })
  controller.abort()
  await assert.rejects(running, aborted)
})
