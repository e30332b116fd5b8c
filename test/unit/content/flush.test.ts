import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { Flush } from '../../../src/content/flush.ts'
import { sys } from '../../../src/sys/index.ts'

/** What the kernel was asked for and has not answered yet. */
let pending: PromiseWithResolvers<void>[]
let asked: number
beforeEach(() => {
  pending = []
  asked = 0
  mock.method(sys, 'syncFileSystem', () => {
    asked++
    const answer = Promise.withResolvers<void>()
    pending.push(answer)
    return answer.promise
  })
})
afterEach(() => mock.restoreAll())

const settled = () => new Promise(resolve => setImmediate(resolve))
const answer = async (error?: Error): Promise<void> => {
  await settled()
  const { resolve, reject } = pending.shift()!
  if (error === undefined) resolve()
  else reject(error)
  await settled()
}

describe('Flush', () => {
  it('serves those who ask at the same time together, and those who ask meanwhile after that', async () => {
    await using flush = new Flush(tmpdir())
    const done: string[] = []
    const ask = (name: string) => flush.flush().then(() => done.push(name))
    const all = [ask('a'), ask('b')]
    await settled()
    all.push(ask('c'), ask('d'))
    await settled()
    assert.equal(asked, 1)
    await answer()
    assert.deepEqual(done, ['a', 'b'])
    await answer()
    await Promise.all(all)
    assert.deepEqual(done, ['a', 'b', 'c', 'd'])
    assert.equal(asked, 2)
  })

  it('waits a little for those who are writing, and not for the last one of them', async () => {
    await using flush = new Flush(tmpdir())
    const [first, second] = [flush.writing(), flush.writing()]
    first[Symbol.dispose]()
    const early = flush.flush()
    await settled()
    assert.equal(asked, 0)
    second[Symbol.dispose]()
    const late = flush.flush()
    await settled()
    await answer()
    await Promise.all([early, late])
    assert.equal(asked, 1)
    flush.writing() // It never asks.
    const patient = flush.flush()
    while (asked < 2) await settled()
    await answer()
    await patient
  })

  it('begins early when much was written, and does not ask twice at once', async () => {
    await using flush = new Flush(tmpdir())
    flush.wrote(1000)
    await settled()
    assert.equal(asked, 0)
    for (let times = 0; times < 3; times++) flush.wrote(2 ** 30)
    await settled()
    assert.equal(asked, 1)
    await answer()
  })

  it('never succeeds after a failure, which the kernel tells but once', async () => {
    await using flush = new Flush(tmpdir())
    flush.wrote(2 ** 30)
    await answer(new Error('disk'))
    await assert.rejects(flush.flush(), { message: 'disk' })
    await assert.rejects(flush.flush(), { message: 'disk' })
    assert.equal(asked, 1)
  })
})
