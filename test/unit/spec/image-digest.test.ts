import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  algorithmOf,
  type ChainId,
  chainIdsOf,
  type DiffId,
  type Digest,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
} from '../../../src/spec/digest.ts'

const a = `sha256:${'a'.repeat(64)}` as string as DiffId
const b = `sha256:${'b'.repeat(64)}` as string as DiffId

describe('digests', () => {
  it('are sha256 or sha512 with as many lower-case digits as they have', () => {
    assert.ok(isDigest(a))
    assert.ok(isDigest(`sha512:${'0'.repeat(128)}`))
    for (const text of [
      '',
      'sha256:',
      `sha256:${'A'.repeat(64)}`,
      `sha256:${'a'.repeat(63)}`,
      `md5:${'a'.repeat(32)}`,
      `${a}\n`,
      `sha256:../${'a'.repeat(61)}`,
    ]) {
      assert.ok(!isDigest(text), text)
      assert.throws(() => parseDigest(text), { code: 'INVALID_ARGUMENT' })
    }
  })

  it('are computed', () => {
    const empty = digestOf(Buffer.alloc(0))
    assert.equal(empty, 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    assert.equal(algorithmOf(digestOf(Buffer.alloc(0), 'sha512')), 'sha512')
    assert.equal(hexOf(empty).length, 64)
  })

  it('of a stack: the first is the layer itself, each further one hashes the two before it', () => {
    const [first, second] = chainIdsOf([a, b])
    assert.equal(first, a)
    assert.equal(second, digestOf(Buffer.from(`${a} ${b}`)))
    assert.deepEqual(chainIdsOf([]), [])
  })

  it('of different kinds do not mix', () => {
    const takesDigest = (_: Digest) => undefined
    // @ts-expect-error a diff id is no digest of stored bytes
    takesDigest(a)
    // @ts-expect-error nor is a chain id
    takesDigest(chainIdsOf([a])[0] as ChainId)
    // @ts-expect-error nor any string
    takesDigest('sha256:…')
  })
})
