import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DetachKeys, parseDetachKeys } from '../../../../src/cli/flags/detach-keys.ts'

test('keys are letters, or letters with ctrl', () => {
  assert.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), Buffer.of(16, 17))
  assert.deepEqual(parseDetachKeys('a,ctrl-@,ctrl-],ctrl-_'), Buffer.of(97, 0, 29, 31))
  assert.deepEqual(parseDetachKeys(''), Buffer.alloc(0))
  for (const text of ['ctrl-', 'ctrl-pq', 'ab', 'a,', 'ctrl-1', 'ü'])
    assert.equal(parseDetachKeys(text), undefined, text)
})

test('they are found in pieces, and what only begins like them is passed on', () => {
  const keys = new DetachKeys(Buffer.from('pq'))
  const feed = (text: string): [string, boolean] => {
    const { passed, detached } = keys.feed(Buffer.from(text))
    return [passed.toString(), detached]
  }
  assert.deepEqual(feed('ab'), ['ab', false])
  assert.deepEqual(feed('p'), ['', false])
  assert.deepEqual(feed('x'), ['px', false])
  assert.deepEqual(feed('pp'), ['p', false])
  assert.deepEqual(feed('q more'), ['', true])
})

test('without keys nothing is looked for', () => {
  const typed = Buffer.from('ctrl-p,ctrl-q')
  assert.deepEqual(new DetachKeys(Buffer.alloc(0)).feed(typed), { passed: typed, detached: false })
})
