import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EventFeed } from '../../../../src/engine/streams/container-events.ts'
import { isUtsuwaError } from '../../../../src/errors.ts'

/** A cgroup's files as plain ones: inotify tells of both. */
function fakeCgroup(): Disposable & { path: string; write(file: string, text: string): void } {
  const path = mkdtempSync(join(tmpdir(), 'utsuwa-events-'))
  const write = (file: string, text: string): void => writeFileSync(join(path, file), text)
  write('cgroup.events', 'populated 1\nfrozen 0\n')
  write('memory.events', 'oom 0\noom_kill 0\n')
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

test('start, pause, resume, oom and exit, to everybody who listens', async () => {
  using cgroup = fakeCgroup()
  const feed = new EventFeed(cgroup.path)
  const [first, second] = [feed.subscribe(), feed.subscribe()]
  const next = async () => {
    const { value } = await first.next()
    const { time, ...event } = value!
    assert.ok(time instanceof Date)
    return event
  }
  feed.started()
  assert.deepEqual(await next(), { type: 'start' })
  cgroup.write('cgroup.events', 'populated 1\nfrozen 1\n')
  assert.deepEqual(await next(), { type: 'pause' })
  cgroup.write('cgroup.events', 'populated 1\nfrozen 0\n')
  assert.deepEqual(await next(), { type: 'resume' })
  cgroup.write('memory.events', 'oom 1\noom_kill 2\n')
  assert.deepEqual(await next(), { type: 'oom', kills: 2 })
  feed.ended(137, 'SIGKILL', 3)
  assert.deepEqual(await next(), { type: 'oom', kills: 1 })
  assert.deepEqual(await next(), { type: 'exit', exitCode: 137, signal: 'SIGKILL' })
  assert.equal((await first.next()).done, true)
  const types = (await Array.fromAsync(second)).map(({ type }) => type)
  assert.deepEqual(types, ['start', 'pause', 'resume', 'oom', 'oom', 'exit'])
})

test('of one that has ended, the exit alone', async () => {
  const feed = new EventFeed(undefined)
  feed.ended(0, undefined, 0)
  feed.ended(0, undefined, 0)
  assert.deepEqual(
    (await Array.fromAsync(feed.subscribe())).map(({ type }) => type),
    ['exit'],
  )
})

test('a signal ends the waiting', async () => {
  const feed = new EventFeed(undefined)
  const controller = new AbortController()
  const waiting = feed.subscribe(controller.signal).next()
  controller.abort()
  await assert.rejects(waiting, (error: unknown) => isUtsuwaError(error, 'ABORTED'))
})
