import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTransientError, isTransientStatus, retryDelay } from '../../../src/registry/retry.ts'

const policy = { retries: 4, baseDelay: 100, maxDelay: 5000 }

describe('retryDelay', () => {
  it('doubles, and differs from client to client', () => {
    for (const attempt of [0, 1, 2, 3]) {
      const delays = Array.from({ length: 50 }, () => retryDelay(policy, attempt))
      const middle = 100 * 2 ** attempt
      assert.ok(delays.every(delay => delay >= middle * 0.75 && delay <= middle * 1.25))
      assert.ok(new Set(delays).size > 1)
    }
  })

  it('is what the server asks for, in seconds or as a date', t => {
    assert.equal(retryDelay(policy, 0, '2'), 2000)
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2020, 0, 1) })
    assert.equal(retryDelay(policy, 0, 'Wed, 01 Jan 2020 00:00:03 GMT'), 3000)
    assert.equal(retryDelay(policy, 0, 'Wed, 01 Jan 2020 00:00:00 GMT'), 0)
    assert.equal(retryDelay(policy, 0, 'Tue, 31 Dec 2019 00:00:00 GMT'), 0)
  })

  it('takes no nonsense for a wish', () => {
    for (const wish of ['', 'soon', '-1']) {
      const delay = retryDelay(policy, 0, wish)
      assert.ok(delay >= 0 && delay <= 125, `${wish}: ${delay}`)
    }
  })

  it('is never longer than the cap', () => {
    assert.equal(retryDelay(policy, 20), 5000)
    assert.equal(retryDelay(policy, 0, '86400'), 5000)
    assert.equal(retryDelay(policy, 0, 'Fri, 01 Jan 2999 00:00:00 GMT'), 5000)
  })
})

describe('what is worth another attempt', () => {
  it('are answers that say so, and connections that broke', () => {
    for (const status of [408, 425, 429, 500, 502, 503, 504]) assert.ok(isTransientStatus(status), String(status))
    for (const status of [200, 206, 301, 400, 401, 403, 404, 416, 501])
      assert.ok(!isTransientStatus(status), String(status))
    const error = (code: string) => Object.assign(new Error(code), { code })
    for (const code of ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_BODY_TIMEOUT'])
      assert.ok(isTransientError(error(code)), code)
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'CERT_HAS_EXPIRED'])
      assert.ok(!isTransientError(error(code)), code)
    assert.ok(!isTransientError('ECONNRESET'))
  })
})
