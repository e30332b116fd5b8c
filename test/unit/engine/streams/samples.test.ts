import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SampleFeed } from '../../../../src/engine/streams/samples.ts'
import { isUtsuwaError } from '../../../../src/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-samples-'))
writeFileSync(join(directory, 'pids.current'), '1\n')
after(() => rmSync(directory, { recursive: true }))

/** Far between: these tests take samples by ending. */
const HOUR = 3_600_000

test('the last sample is taken at the end', async () => {
  const feed = new SampleFeed(directory, { intervalMs: HOUR })
  const all = Array.fromAsync(feed.iterate())
  feed.end()
  feed.end()
  assert.deepEqual(
    (await all).map(({ files }) => files),
    [{ 'pids.current': '1\n' }],
  )
})

test('an iteration that does not keep up loses the oldest samples', async () => {
  const feed = new SampleFeed(directory, { intervalMs: 1, maxBuffered: 2 })
  const samples = feed.iterate()
  await samples.next()
  const start = performance.now()
  // The event loop goes on, and nobody iterates.
  while (performance.now() - start < 100) await new Promise(setImmediate)
  feed.end()
  assert.equal((await Array.fromAsync(samples)).length, 2)
})

test('a signal ends the iteration', async () => {
  const abort = new AbortController()
  const feed = new SampleFeed(directory, { intervalMs: HOUR, signal: abort.signal })
  const next = feed.iterate().next()
  abort.abort()
  await assert.rejects(next, error => isUtsuwaError(error, 'ABORTED'))
})

test('who stops iterating stops the sampling', async () => {
  const feed = new SampleFeed(directory, { intervalMs: 1 })
  for await (const _ of feed.iterate()) break
  // Otherwise this process would not end.
})

test('intervals and bounds are positive', () => {
  for (const options of [{ intervalMs: 0 }, { intervalMs: Number.NaN }, { maxBuffered: -1 }])
    assert.throws(() => new SampleFeed(directory, options), /set \w+: must be at least 1/)
})
