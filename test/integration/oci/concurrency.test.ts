/** Several callers at once: no lost containers, no two with one id. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOurs, type OciState, Playground } from './runtime.ts'

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

test('of several containers that are created in one cgroup at once one succeeds', {
  skip: !isOurs && 'runc looks into the cgroup before it goes there, and may find it empty twice',
}, async t => {
  const ground = new Playground(t)
  for (let round = 0; round < 5; round++) {
    ground.configure(['sleep', '1000'], spec => {
      spec.linux!.cgroupsPath = `/utsuwa-shared-${process.pid}-${round}`
    })
    const ids = Array.from({ length: 4 }, () => ground.newId())
    const outcomes = await Promise.all(ids.map(id => ground.call(['create', '-b', ground.bundle, id])))
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), [0, 1, 1, 1], JSON.stringify(outcomes))
    for (const { status, stderr } of outcomes) if (status === 1) assert.match(stderr, /processes in it/)
    const winner = ids[outcomes.findIndex(({ status }) => status === 0)]!
    await ground.succeed(['start', winner])
    assert.equal((await ground.state(winner)).status, 'running')
    await ground.succeed(['delete', '--force', winner])
  }
})
