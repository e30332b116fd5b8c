import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseChallenges } from '../../../src/registry/auth.ts'

const plain = (header: string) => parseChallenges(header).map(({ scheme, parameters }) => ({ scheme, ...parameters }))

describe('parseChallenges', () => {
  it('reads quoted and plain parameters, commas and quotes within', () => {
    assert.deepEqual(
      plain('Bearer realm="https://a/token",service=reg, scope="repository:a:pull,push" , error="a \\"b\\""'),
      [{ scheme: 'bearer', realm: 'https://a/token', service: 'reg', scope: 'repository:a:pull,push', error: 'a "b"' }],
    )
  })

  it('reads several challenges', () => {
    assert.deepEqual(plain('Basic realm="x", Bearer realm="y"'), [
      { scheme: 'basic', realm: 'x' },
      { scheme: 'bearer', realm: 'y' },
    ])
    assert.deepEqual(plain('Negotiate, BASIC Realm=x'), [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'x' }])
  })

  it('makes nothing of nonsense, and no prototype', () => {
    assert.deepEqual(plain(''), [])
    assert.deepEqual(plain('=,;'), [])
    assert.equal(Object.getPrototypeOf(parseChallenges('Bearer __proto__="x"')[0]!.parameters), null)
  })
})
