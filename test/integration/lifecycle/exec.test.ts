/** More commands in a container that lives, its limits changed, and output as text. */
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { type Container, create, exec, isUtsuwaError, run, type UtsuwaErrorCode } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { children, openDescriptors } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot } = sandbox

const withCode = (code: UtsuwaErrorCode) => (error: unknown) => isUtsuwaError(error, code)

async function sleeper(options: { name?: string; env?: string[]; user?: string } = {}): Promise<Container> {
  const box = await create({ rootfs, runRoot, args: ['sleep', '1000'], stdio: 'ignore', ...options })
  await box.start()
  return box
}

test('exec: exit code, signal, output as text, and nothing left behind', async () => {
  await using box = await sleeper()
  const before = [openDescriptors(), children().length]
  const result = await box.exec(['sh', '-c', 'echo out; echo err >&2; exit 7'], { stdio: 'capture' })
  assert.deepEqual(
    [result.exitCode, result.signal, result.stdout, result.stderr, result.truncated, result.timedOut],
    [7, undefined, 'out\n', 'err\n', false, undefined],
  )
  assert.equal((await box.exec(['sh', '-c', 'kill -TERM $$'], { stdio: 'ignore' })).signal, 'SIGTERM')
  await assert.rejects(box.exec(['nope'], { stdio: 'capture' }), withCode('COMMAND_NOT_FOUND'))
  assert.deepEqual([openDescriptors(), children().length], before)
})

test('exec: environment, directory and user are the container’s, unless said otherwise', async () => {
  await using box = await sleeper({ env: ['COLOR=red', 'SHAPE=round'] })
  const printed = async (script: string, options = {}): Promise<string | undefined> =>
    (await box.exec(['sh', '-c', script], { stdio: 'capture', ...options })).stdout?.trim()
  assert.equal(await printed('echo $COLOR $SHAPE $HOME $(pwd) $(id -u)'), 'red round /root / 0')
  assert.equal(await printed('echo $COLOR $SHAPE', { env: { COLOR: 'blue' } }), 'blue round')
  assert.equal(await printed('pwd', { cwd: '/tmp' }), '/tmp')
  assert.equal(await printed('echo $(id -u):$(id -g) $(id -G) $HOME', { user: 'alice' }), '1000:1000 1000 50 /tmp')
  assert.equal(await printed('grep CapEff /proc/self/status', { user: 'alice' }), 'CapEff:\t0000000000000000')
})

test('spawn: streams to talk over', async () => {
  await using box = await sleeper()
  const cat = await box.spawn(['cat'], { stdio: 'pipe' })
  cat.stdin!.end('hello')
  assert.equal(await text(cat.stdout!), 'hello')
  assert.equal((await cat.wait()).exitCode, 0)
  const deaf = await box.spawn(['sleep', '1000'], { stdio: 'ignore' })
  deaf.kill()
  assert.equal((await deaf.wait()).signal, 'SIGTERM')
  deaf.kill() // it has ended: nothing happens
})

test('exec by name, from whoever knows it', async () => {
  await using box = await sleeper({ name: 'known' })
  const { stdout } = await exec('known', ['hostname'], { runRoot, stdio: 'capture' })
  assert.equal(stdout?.trim(), box.id.slice(0, 12))
  await assert.rejects(exec('unknown', ['true'], { runRoot }), withCode('CONTAINER_NOT_FOUND'))
})

test('a timeout of exec ends the command, not the container', async () => {
  await using box = await sleeper()
  const result = await box.exec(['sleep', '1000'], { stdio: 'ignore', timeout: 50 })
  assert.deepEqual([result.timedOut, result.signal], ['wall', 'SIGKILL'])
  assert.equal((await box.exec(['true'], { stdio: 'ignore' })).exitCode, 0)
  const signal = AbortSignal.timeout(50)
  await assert.rejects(box.exec(['sleep', '1000'], { stdio: 'ignore', signal }), withCode('ABORTED'))
})

test('output as text: bounded, and read to its end all the same', async () => {
  const result = await run({
    rootfs,
    runRoot,
    args: ['sh', '-c', 'yes 0123456789 | head -c 3000000; echo err >&2'],
    stdio: 'capture',
    maxOutput: 1000,
  })
  assert.deepEqual([result.exitCode, result.stdout?.length, result.stderr, result.truncated], [0, 1000, 'err\n', true])
  const inherited = await run({ rootfs, runRoot, args: ['true'], stdio: ['ignore', 'capture', 'ignore'] })
  assert.deepEqual([inherited.stdout, inherited.stderr, inherited.truncated], ['', undefined, false])
})

test('timeouts of a run: by the clock, and by the CPU time of all its processes', async () => {
  const wall = await run({ rootfs, runRoot, args: ['sleep', '1000'], stdio: 'ignore', timeout: 100 })
  assert.deepEqual([wall.timedOut, wall.exitCode, wall.signal], ['wall', 137, 'SIGKILL'])
  const script = 'yes >/dev/null & yes >/dev/null; wait'
  const cpu = await run({ rootfs, runRoot, args: ['sh', '-c', script], stdio: 'ignore', cpuTimeout: 200 })
  assert.deepEqual([cpu.timedOut, cpu.signal], ['cpu', 'SIGKILL'])
  const used = cpu.usage.cpuUserMicroseconds + cpu.usage.cpuSystemMicroseconds
  assert.ok(used >= 190_000, `${used} µs`)
  const idle = await run({
    rootfs,
    runRoot,
    args: ['sleep', '0.3'],
    stdio: 'ignore',
    cpuTimeout: 10_000,
    timeout: 60_000,
  })
  assert.deepEqual([idle.timedOut, idle.exitCode], [undefined, 0])
  await assert.rejects(run({ rootfs, runRoot, args: ['true'], timeout: 0 }), withCode('INVALID_ARGUMENT'))
})

test('pause and resume: a paused container runs nothing', async () => {
  await using box = await sleeper()
  await box.pause()
  await assert.rejects(box.exec(['true']), withCode('CONTAINER_STATE'))
  await box.resume()
  assert.equal((await box.exec(['true'], { stdio: 'ignore' })).exitCode, 0)
  await assert.rejects(box.resume(), withCode('CONTAINER_STATE'))
})
