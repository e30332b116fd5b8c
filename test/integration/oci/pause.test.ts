/** `pause` and `resume`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Playground } from './runtime.ts'

test('a paused container stands still until it is resumed', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  await ground.succeed(['start', id])
  await ground.succeed(['pause', id])
  assert.equal((await ground.state(id)).status, 'paused')
  assert.match((await ground.call(['pause', id])).stderr, /container not running/)
  assert.notEqual((await ground.call(['delete', id])).status, 0)
  await ground.succeed(['resume', id])
  assert.equal((await ground.state(id)).status, 'running')
  assert.match((await ground.call(['resume', id])).stderr, /container not paused/)
})

test('delete --force ends a paused container', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  await ground.succeed(['start', id])
  await ground.succeed(['pause', id])
  await ground.succeed(['delete', '--force', id])
  assert.notEqual((await ground.call(['state', id])).status, 0)
})
