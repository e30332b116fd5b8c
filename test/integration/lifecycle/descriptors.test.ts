/** A program that runs many containers closes what it opened for each, whatever it has read of it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Container, type CreateOptions, create, followJournal, run } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const ROUNDS = 40
/** More than a stream of Node takes ahead, and more than fits into the pipe then: the container waits for its reader. */
const MUCH = 'dd if=/dev/zero bs=64k count=64 2>/dev/null'
const FEW = 'echo one; echo two; echo three; echo error >&2'

/** What each descriptor is, sorted: two lists tell which have come to stay. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap(fd => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`).replace(/[0-9a-f]{64}|\d{3,}/g, 'N')]
      } catch {
        return [] // that of the directory itself
      }
    })
    .sort()
}

async function staysFlat(round: () => Promise<unknown>): Promise<void> {
  await round() // what a process opens once
  await sleep(200)
  const before = descriptors()
  for (let count = 0; count < ROUNDS; count++) await round()
  // The thread that samples ends with its interval.
  for (let left = 20; left > 0 && descriptors().length > before.length; left--) await sleep(50)
  assert.deepEqual(descriptors(), before)
}

async function withBox(script: string, use: (box: Container) => unknown, options: CreateOptions = {}): Promise<void> {
  const box = await create({
    rootfs: sandbox.rootfs,
    args: ['/bin/sh', '-c', script],
    runRoot: sandbox.runRoot,
    stdio: 'pipe',
    ...options,
  })
  try {
    await box.start()
    await use(box)
  } finally {
    await box.delete()
  }
}

async function firstLine(lines: AsyncIterable<string>): Promise<string | undefined> {
  for await (const line of lines) return line
  return undefined
}

before(() => withBox('true', box => box.wait()))

test('output that was not read', () => staysFlat(() => withBox(FEW, box => box.wait())))

test('output that was not read, without a wait', () => staysFlat(() => withBox(`${FEW}; sleep 100`, () => undefined)))

test('output of which one line was read', () =>
  staysFlat(() => withBox(`${FEW}; sleep 100`, async box => assert.equal(await firstLine(box.lines()), 'one'))))

test('more output than fits into the pipe, and input that was not read', () =>
  staysFlat(() =>
    withBox(`${MUCH}; sleep 100`, box => {
      box.stdin!.write(Buffer.alloc(1024 ** 2))
      box.stdout!.once('data', () => box.stdout!.pause())
    }),
  ))

test('a container that was not started', () =>
  staysFlat(async () => {
    await using _box = await create({ rootfs: sandbox.rootfs, runRoot: sandbox.runRoot, args: ['true'], stdio: 'pipe' })
  }))

test('output that was captured, without a wait', () =>
  staysFlat(() => withBox(`${MUCH}; sleep 100`, () => undefined, { stdio: 'capture' })))

test('the output of run, which nobody read', () =>
  staysFlat(() =>
    run({ rootfs: sandbox.rootfs, runRoot: sandbox.runRoot, args: ['/bin/sh', '-c', FEW], stdio: 'pipe' }),
  ))

test('a container whose command could not be executed', () =>
  staysFlat(() =>
    assert.rejects(run({ rootfs: sandbox.rootfs, runRoot: sandbox.runRoot, args: ['/nosuch'], stdio: 'pipe' })),
  ))

test('commands in a container that lives: their output was not read, or one line of it', () =>
  withBox('sleep 100', box =>
    staysFlat(async () => {
      const unread = await box.spawn(['/bin/sh', '-c', FEW], { stdio: 'pipe' })
      await unread.wait()
      const begun = await box.spawn(['/bin/sh', '-c', FEW], { stdio: 'pipe' })
      assert.equal(await firstLine(begun.lines()), 'one')
      await begun.wait()
      await assert.rejects(box.spawn(['/nosuch'], { stdio: 'pipe' }))
    }),
  ))

test('commands in a container that lives, disposed of while they run', () =>
  withBox('sleep 100', box =>
    staysFlat(async () => {
      await using child = await box.spawn(['/bin/sh', '-c', `${MUCH}; sleep 100`], { stdio: 'pipe' })
      await using captured = await box.spawn(['/bin/sh', '-c', 'sleep 100 & echo one'], { stdio: 'capture' })
      assert.ok(child.pid !== captured.pid)
    }),
  ))

test('commands that run when their container is deleted, or have left others with their output', () =>
  staysFlat(() =>
    withBox('sleep 100', async box => {
      await box.spawn(['sleep', '100'], { stdio: 'pipe' })
      const parent = await box.spawn(['/bin/sh', '-c', 'sleep 100 & echo one'], { stdio: 'pipe' })
      await parent.wait()
    }),
  ))

test('events and samples of a container: broken off, or never begun', () =>
  staysFlat(() =>
    withBox('sleep 100', async box => {
      box.events()
      box.samples({ intervalMs: 10 })
      await box.samples().return()
      for await (const sample of box.samples()) {
        assert.ok(sample.atUsec > 0)
        break
      }
      const events = box.events()
      await box.pause()
      await box.resume()
      for await (const { type } of events) if (type === 'resume') break
    }),
  ))

test('the journal, of which nothing was asked', () =>
  staysFlat(async () => {
    await followJournal(sandbox.runRoot).return()
    const begun = followJournal(sandbox.runRoot, { past: true })
    await begun.next()
    await begun.return()
  }))

test('output that is being read when its container ends or is deleted arrives in full', async () => {
  await withBox(MUCH, async box => {
    const all = text(box.stdout!)
    await box.wait()
    assert.equal((await all).length, 64 * 64 * 1024)
  })
  let left: Promise<string> | undefined
  await withBox(FEW, async box => {
    await box.wait()
    left = text(box.stdout!)
  })
  assert.equal(await left, 'one\ntwo\nthree\n')
})

test('output that is read after the end of its container, in pieces and late', () =>
  withBox(FEW, async box => {
    await box.wait()
    assert.equal(await firstLine(box.lines()), 'one')
    const rest: string[] = []
    for await (const line of box.lines()) rest.push(line)
    assert.deepEqual(rest, ['two', 'three'])
    assert.equal(await text(box.stderr!), 'error\n')
  }))

test('a program ends by itself with output that it has not read', () => {
  const program = `
    import { create, run } from '${new URL('../../../src/index.ts', import.meta.url)}'
    const options = { rootfs: '${sandbox.rootfs}', runRoot: '${sandbox.runRoot}', stdio: 'pipe' }
    await run({ ...options, args: ['/bin/sh', '-c', '${FEW}'] })
    const box = await create({ ...options, args: ['sleep', '100'] })
    await box.start()
    await box.spawn(['/bin/sh', '-c', '${FEW}; sleep 100'], { stdio: 'pipe' })
    box.events()
    await box.delete()
    console.log('done')
  `
  const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  assert.deepEqual([ended.status, ended.signal, ended.stdout], [0, null, 'done\n'], ended.stderr)
})
