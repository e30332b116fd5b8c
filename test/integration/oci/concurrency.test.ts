/** Several callers at once: no lost containers, no two with one id. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OciState, Playground } from './runtime.ts'

test('20 containers are created at once', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const ids = await Promise.all(Array.from({ length: 20 }, () => ground.create()))
  const list = JSON.parse((await ground.succeed(['list', '--format', 'json'])).stdout) as OciState[]
  assert.deepEqual(list.map(({ id, status }) => `${id} ${status}`).sort(), ids.map(id => `${id} created`).sort())
  assert.equal(new Set(list.map(({ pid }) => pid)).size, 20)
})

test('of two callers that create the same id one succeeds, and its container is intact', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  for (let round = 0; round < 3; round++) {
    const id = ground.newId()
    const create = () => ground.call(['create', '-b', ground.bundle, id])
    const outcomes = await Promise.all([create(), create(), create()])
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), [0, 1, 1], JSON.stringify(outcomes))
    for (const { status, stderr } of outcomes) if (status === 1) assert.match(stderr, /already exists/)
    await ground.succeed(['start', id])
    assert.equal((await ground.state(id)).status, 'running')
  }
})

test('of two callers that start a container one succeeds', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  const outcomes = await Promise.all([ground.call(['start', id]), ground.call(['start', id])])
  assert.ok(
    outcomes.some(({ status }) => status === 0),
    JSON.stringify(outcomes),
  )
  assert.equal((await ground.state(id)).status, 'running')
})

test('of two callers that delete a container none leaves half of it', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  const remove = () => ground.call(['delete', '--force', id])
  const outcomes = await Promise.all([remove(), remove()])
  assert.ok(
    outcomes.some(({ status }) => status === 0),
    JSON.stringify(outcomes),
  )
  assert.equal((await ground.call(['state', id])).status, 1)
})
