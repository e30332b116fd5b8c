import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freezeDeeply, isDeeplyFrozen } from '../../../src/util/frozen.ts'

test('frozen all the way down, or not', () => {
  const value = { list: [{ name: 'a' }, 'b', 3n, null], nothing: undefined }
  assert.equal(isDeeplyFrozen(value), false)
  assert.equal(isDeeplyFrozen(Object.freeze({ ...value })), false)
  assert.equal(freezeDeeply(value), value)
  assert.equal(isDeeplyFrozen(value), true)
  assert.throws(() => value.list.push('c'), TypeError)
  for (const plain of [1, 'text', null, undefined]) assert.equal(isDeeplyFrozen(plain), true)
})
