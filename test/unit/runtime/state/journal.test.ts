import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { appendEvent, followJournal, readJournal } from '../../../../src/runtime/state/journal.ts'

function makeRunRoot(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-journal-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

const ids = (events: readonly { id: string }[]): string[] => events.map(({ id }) => id)

test('what is told is remembered, in order', t => {
  const runRoot = makeRunRoot(t)
  assert.deepEqual(readJournal(runRoot), [])
  const managed = { name: 'web', image: 'i', command: [], storeRoot: undefined, removeOnExit: false }
  appendEvent(runRoot, 'create', { id: 'a', managed })
  appendEvent(runRoot, 'die', { id: 'a', managed }, { exitCode: '3' })
  const [create, die] = readJournal(runRoot)
  assert.deepEqual(create, { time: create?.time, type: 'create', id: 'a', name: 'web', image: 'i' })
  assert.ok(!Number.isNaN(Date.parse(create.time)))
  assert.deepEqual([die?.type, die?.attributes], ['die', { exitCode: '3' }])
  assert.equal(statSync(join(runRoot, 'events.jsonl')).mode & 0o777, 0o600)
})

test('a line that a full file system has cut short is left out, and the one behind it is not', t => {
  const runRoot = makeRunRoot(t)
  appendEvent(runRoot, 'create', { id: 'a' })
  appendFileSync(join(runRoot, 'events.jsonl'), '{"time":"2026-01-01T00:00:00.000Z","type":"die","id":"b')
  assert.deepEqual(ids(readJournal(runRoot)), ['a'])
  appendEvent(runRoot, 'start', { id: 'c' }, { note: '{"time":' })
  assert.deepEqual(ids(readJournal(runRoot)), ['a', 'c'])
})

test('nobody to tell is no error', t => {
  appendEvent(join(makeRunRoot(t), 'missing'), 'start', { id: 'a' })
})

test('who follows gets what happens from then on, or all, across a new file', async t => {
  const runRoot = makeRunRoot(t)
  appendEvent(runRoot, 'create', { id: 'before' })
  const fromNow = followJournal(runRoot)
  const all = followJournal(runRoot, { past: true })
  // Long enough for the file to be full several times; each is read before the next takes its place.
  const attributes = { command: 'x'.repeat(300_000) }
  assert.equal((await all.next()).value?.id, 'before')
  for (let at = 0; at < 9; at++) {
    appendEvent(runRoot, 'exec_start', { id: String(at) }, attributes)
    assert.equal((await fromNow.next()).value?.id, String(at))
    assert.equal((await all.next()).value?.id, String(at))
  }
  assert.ok(existsSync(join(runRoot, 'events.jsonl.1')))
  assert.deepEqual(ids(readJournal(runRoot)).at(-1), '8')
  await Promise.all([fromNow.return(), all.return()])
})

test('an AbortSignal ends the following', async t => {
  const controller = new AbortController()
  const events = followJournal(makeRunRoot(t), { signal: controller.signal })
  const next = events.next()
  controller.abort()
  await assert.rejects(next, { code: 'ABORTED' })
})

test('following that cannot begin leaves no descriptor open', t => {
  const runRoot = makeRunRoot(t)
  mkdirSync(join(runRoot, 'events.jsonl.1')) // which cannot be read
  const open = (): number => readdirSync('/proc/self/fd').length
  const before = open()
  for (let index = 0; index < 5; index++) assert.throws(() => followJournal(runRoot, { past: true }), /EISDIR/)
  assert.equal(open(), before)
})
