/** Signals to `run`, which its container gets. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Playground, RUNTIME } from './runtime.ts'

test('run passes signals on to the container', async t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'])
  const words = ['--root', ground.stateRoot, 'run', '-b', ground.bundle, ground.newId()]
  const child = spawn(RUNTIME, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [3, null])
})
