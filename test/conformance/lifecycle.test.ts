/** runtime.md: the operations and what each may do in which state. docs/conformance.md names these tests. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isOurs, Playground } from '../integration/oci/runtime.ts'

test('every operation wants the id of a container', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  for (const verb of ['state', 'create', 'start', 'kill', 'delete'])
    assert.notEqual((await ground.call([verb], { cwd: ground.bundle })).status, 0, verb)
})

test('the container is what config.json was at create, whatever becomes of the file', async t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'echo first'])
  const output = join(ground.directory, 'output')
  ground.configure(['sh', '-c', 'echo first >/out/output'], spec => {
    spec.mounts!.push({ destination: '/out', type: 'bind', source: ground.directory, options: ['bind'] })
    spec.annotations = { 'org.example.version': '1' }
  })
  const id = await ground.create()
  writeFileSync(join(ground.bundle, 'config.json'), '{}')
  await ground.succeed(['start', id])
  assert.equal((await ground.waitFor(id, 'stopped')).annotations?.['org.example.version'], '1')
  assert.equal(readFileSync(output, 'utf8'), 'first\n')
})

test('start, delete and kill in a wrong state are errors and change nothing', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  await ground.succeed(['start', id])
  const before = await ground.state(id)
  for (const verb of ['start', 'delete']) {
    assert.equal((await ground.call([verb, id])).status, 1, verb)
    assert.deepEqual(await ground.state(id), before)
  }
  await ground.succeed(['kill', id, 'KILL'])
  const stopped = await ground.waitFor(id, 'stopped')
  for (const words of [
    ['start', id],
    ['kill', id, 'TERM'],
  ]) {
    assert.equal((await ground.call(words)).status, 1, words.join(' '))
    assert.deepEqual(await ground.state(id), stopped)
  }
})

test('once a container is deleted its id is free', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  const id = await ground.create()
  await ground.succeed(['delete', id])
  await ground.succeed(['create', '--bundle', ground.bundle, id])
  assert.equal((await ground.state(id)).status, 'created')
})

test('without a process a container can be created, and start is an error', async t => {
  const ground = new Playground(t)
  ground.configure(['true'], spec => {
    delete spec.process
  })
  const id = ground.newId()
  const created = await ground.call(['create', '--bundle', ground.bundle, id])
  if (!isOurs) return assert.notEqual(created.status, 0) // runc refuses it at once
  assert.equal(created.status, 0, created.stderr)
  const { status, stderr } = await ground.call(['start', id])
  assert.equal(status, 1)
  assert.match(stderr, /process must be given to start a container/)
  assert.equal((await ground.state(id)).status, 'created')
  await ground.succeed(['delete', id])
})

test('the state has what every state must have, and delete takes all that create made', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  const { ociVersion, id: name, status, pid, bundle } = await ground.state(id)
  assert.match(ociVersion, /^1\.\d+\.\d+/)
  assert.deepEqual([name, status, bundle], [id, 'created', ground.bundle])
  assert.ok(Number.isInteger(pid) && existsSync(`/proc/${pid}`))
  const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('0::')[1]?.trim() ?? ''
  assert.ok(cgroup.includes(id), cgroup)
  await ground.succeed(['delete', '--force', id])
  assert.ok(!existsSync(join(ground.stateRoot, id)))
  for (const mount of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) assert.ok(!existsSync(join(mount, cgroup)))
})
