/** Flags in front of the command: who makes cgroups, and what is accepted because engines pass it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readOwnCgroup } from '../../../src/cgroup/hierarchy.ts'
import { isOurs, Playground } from './runtime.ts'

/** crun's flag, which podman and CRI-O pass on; runc has none like it. */
const crunFlag = { skip: !isOurs && 'runc has no --cgroup-manager' }

test('--cgroup-manager disabled: the container stays in the cgroup of its caller', crunFlag, async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = ground.newId()
  await ground.succeed(['--cgroup-manager', 'disabled', 'run', '-d', '-b', ground.bundle, id])
  const { pid } = await ground.state(id)
  assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`^0::${readOwnCgroup()}$`, 'm'))
  assert.equal((await ground.succeed(['exec', id, 'echo', 'in'])).stdout, 'in\n')
  const { status, stderr } = await ground.call(['pause', id])
  assert.equal(status, 1)
  assert.match(stderr, /it has no cgroup of its own/)
  await ground.succeed(['delete', '--force', id])
})

test('--cgroup-manager disabled with a limit is refused: nobody would keep it', crunFlag, async t => {
  const ground = new Playground(t)
  ground.configure(['true'], spec => {
    spec.linux!.resources = { ...spec.linux!.resources, pids: { limit: 17 } }
  })
  const words = ['--cgroup-manager', 'disabled', 'run', '-b', ground.bundle, ground.newId()]
  const { status, stderr } = await ground.call(words)
  assert.equal(status, 1)
  assert.match(stderr, /cgroups are disabled, so nothing can be limited \[\/linux\/resources\/pids/)
})

test('other names of a cgroup manager are refused', crunFlag, async t => {
  const { status, stderr } = await new Playground(t).call(['--cgroup-manager', 'none', 'list'])
  assert.equal(status, 1)
  assert.match(stderr, /unknown cgroup-manager \\?"none/)
})

test('--rootless is accepted, nonsense is not', async t => {
  const ground = new Playground(t)
  for (const value of ['auto', 'true', 'false']) await ground.succeed(['--rootless', value, 'list', '-q'])
  // runc looks at it only where it makes a difference.
  if (isOurs) assert.equal((await ground.call(['--rootless', 'perhaps', 'list'])).status, 1)
})

test('--version: the name, the commit and the specification, a line each', async t => {
  const { stdout } = await new Playground(t).succeed(['--version'])
  assert.match(stdout, /^\S+ version \S+\ncommit: \S+\nspec: 1\.\d+\.\d+\S*\n/)
})
