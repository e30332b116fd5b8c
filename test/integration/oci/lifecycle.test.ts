/** create, start, state, kill, delete, run: the life of a container as engines drive it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { isOurs, Playground } from './runtime.ts'

test('a container goes from created to running to stopped, and is deleted', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()

  const created = await ground.state(id)
  assert.equal(created.status, 'created')
  assert.equal(created.id, id)
  assert.equal(created.ociVersion.split('.')[0], '1')
  assert.equal(created.bundle, ground.bundle)
  assert.equal(created.rootfs, join(ground.bundle, 'rootfs'))
  assert.ok(existsSync(`/proc/${created.pid}`))
  assert.ok(!Number.isNaN(Date.parse(created.created ?? '')))

  await ground.succeed(['start', id])
  const running = await ground.state(id)
  assert.equal(running.status, 'running')
  assert.equal(running.pid, created.pid)
  assert.equal(readFileSync(`/proc/${running.pid}/cmdline`, 'utf8'), 'sleep\u00001000\0')

  await ground.succeed(['kill', id, 'KILL'])
  assert.equal((await ground.waitFor(id, 'stopped')).pid, 0)

  await ground.succeed(['delete', id])
  assert.equal((await ground.call(['state', id])).status, 1)
  assert.ok(!existsSync(join(ground.stateRoot, id)))
})

test('the command is executed by start, not by create', async t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'echo done >/out/file'], spec => {
    spec.mounts!.push({ destination: '/out', type: 'bind', source: ground.directory, options: ['bind', 'rw'] })
  })
  const id = await ground.create()
  assert.ok(!existsSync(join(ground.directory, 'file')))
  await ground.succeed(['start', id])
  await ground.waitFor(id, 'stopped')
  assert.equal(readFileSync(join(ground.directory, 'file'), 'utf8'), 'done\n')
})

test('kill takes names and numbers, and SIGTERM by default', async t => {
  const ground = new Playground(t)
  ground.configure(
    ['sh', '-c', 'trap "exit 0" TERM; trap "echo usr1 >/out/signal" USR1; while :; do sleep 0.1; done'],
    spec => {
      spec.mounts!.push({ destination: '/out', type: 'bind', source: ground.directory, options: ['bind', 'rw'] })
    },
  )
  const id = await ground.create()
  await ground.succeed(['start', id])
  for (const name of ['SIGUSR1', 'USR1', '10', '0'])
    if (name !== '0' || isOurs) await ground.succeed(['kill', id, name])
  await ground.succeed(['kill', id])
  await ground.waitFor(id, 'stopped')
})

test('delete --force ends a running container, and a created one', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  for (const start of [true, false]) {
    const id = await ground.create()
    const { pid } = await ground.state(id)
    if (start) await ground.succeed(['start', id])
    await ground.succeed(['delete', '--force', id])
    assert.ok(!existsSync(`/proc/${pid}/exe`) || !readFileSync(`/proc/${pid}/status`, 'utf8').includes('running'))
    assert.equal((await ground.call(['state', id])).status, 1)
  }
})

test('delete without --force is enough for a created container', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  const id = await ground.create()
  await ground.succeed(['delete', id])
})

test('run exits with the status of the command and leaves nothing', async t => {
  const ground = new Playground(t)
  ground.configure(['sh', '-c', 'echo out; echo err >&2; exit 7'])
  const id = ground.newId()
  const { status, stdout, stderr } = await ground.call(['run', '-b', ground.bundle, id])
  assert.deepEqual([status, stdout, stderr], [7, 'out\n', 'err\n'])
  assert.equal((await ground.call(['state', id])).status, 1)
})

test('run exits with 128 and the number of the signal that ended the command', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = ground.newId()
  const ended = ground.call(['run', '-b', ground.bundle, id])
  await ground.waitFor(id, 'running')
  await ground.succeed(['kill', id, 'KILL'])
  assert.equal((await ended).status, 137)
})

test('run --detach returns while the container runs', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = ground.newId()
  const pidFile = join(ground.directory, 'pid')
  await ground.succeed(['run', '-d', '--pid-file', pidFile, '-b', ground.bundle, id])
  const { status, pid } = await ground.state(id)
  assert.deepEqual([status, String(pid)], ['running', readFileSync(pidFile, 'utf8')])
})

test('the bundle is the working directory by default, as after `spec`', async t => {
  const ground = new Playground(t)
  await ground.succeed(['spec'], { cwd: ground.bundle })
  const path = join(ground.bundle, 'config.json')
  const spec = JSON.parse(readFileSync(path, 'utf8')) as RuntimeSpec
  assert.deepEqual(spec.process?.args, ['sh'])
  writeFileSync(path, JSON.stringify({ ...spec, process: { ...spec.process, terminal: false, args: ['id'] } }))
  const { stdout } = await ground.succeed(['run', ground.newId()], { cwd: ground.bundle })
  assert.match(stdout, /uid=0/)
})

test('spec does not overwrite a config.json', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  assert.equal((await ground.call(['spec'], { cwd: ground.bundle })).status, 1)
})

test('list shows what there is, as table, as JSON and as ids', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const ids = [await ground.create(), await ground.create()].sort()
  assert.deepEqual((await ground.succeed(['list', '-q'])).stdout.trim().split('\n').sort(), ids)
  const list = JSON.parse((await ground.succeed(['list', '--format', 'json'])).stdout) as {
    id: string
    status: string
  }[]
  assert.deepEqual(
    list.map(({ id, status }) => `${id} ${status}`).sort(),
    ids.map(id => `${id} created`),
  )
  assert.match((await ground.succeed(['list'])).stdout, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER\n/)
})

test('annotations are in the state', async t => {
  const ground = new Playground(t)
  ground.configure(['true'], spec => {
    spec.annotations = { 'org.example.key': 'value' }
  })
  const id = await ground.create()
  assert.equal((await ground.state(id)).annotations?.['org.example.key'], 'value')
})
