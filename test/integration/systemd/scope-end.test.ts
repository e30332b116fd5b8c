/** `--systemd-cgroup`: how a container's scope ends, or does not come about. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { isOurs, RUNTIME } from '../oci/runtime.ts'
import { Scope, SLICE, systemctl, until } from './support.ts'

test('systemctl stop ends it, and delete forgets it', async t => {
  const scope = new Scope(t, ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'])
  await scope.start()
  systemctl('stop', scope.unit)
  assert.equal((await scope.ground.state(scope.id)).status, 'stopped')
  await scope.succeed('delete')
  assert.ok(!scope.isLoaded)
})

test('delete makes the name free at once, whether it was killed or never started', async t => {
  const scope = new Scope(t, ['sleep', '1000'])
  for (const verbs of [[], ['start', 'kill']] as const) {
    await scope.succeed('create', '--bundle', scope.ground.bundle)
    for (const verb of verbs)
      await scope.ground.succeed(verb === 'kill' ? ['kill', scope.id, 'KILL'] : [verb, scope.id])
    await scope.succeed('delete', '--force')
    assert.ok(!existsSync(scope.directory))
    assert.ok(!scope.isLoaded)
  }
})

test('what systemd refuses is said in its words, and nothing is left', async t => {
  const scope = new Scope(t, ['sleep', '1000'], spec => {
    spec.annotations = { 'org.systemd.property.NoSuchThing': 'true' }
  })
  const { status, stderr } = await scope.call('create', ['--bundle', scope.ground.bundle])
  assert.equal(status, 1)
  assert.match(stderr, /Cannot set property NoSuchThing/)
  assert.ok(!existsSync(scope.directory))
  assert.equal((await scope.ground.call(['state', scope.id])).status, 1)
})

test('a unit of somebody else with that name is left alone', {
  skip: !isOurs && 'runc puts its container beside what is there',
}, async t => {
  const scope = new Scope(t, ['sleep', '1000'])
  // Its processes are in a cgroup below the scope's own, where only systemd knows that the name is taken.
  const script = `mkdir ${scope.directory}/below && echo $$ >${scope.directory}/below/cgroup.procs && exec sleep 1000`
  const words = ['--scope', '--property=Delegate=yes', `--slice=${SLICE}`, `--unit=${scope.unit}`, 'sh', '-c', script]
  const other = spawn('systemd-run', words, { stdio: 'ignore' })
  t.after(() => other.kill('SIGKILL'))
  await until(() => existsSync(`${scope.directory}/below`) && scope.read('below/cgroup.procs') !== '', 'the other unit')
  const { status, stderr } = await scope.call('create', ['--bundle', scope.ground.bundle])
  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`${scope.unit} was already loaded`))
  assert.equal(scope.read('below/cgroup.procs'), String(other.pid))
  await scope.call('delete', ['--force'])
  assert.equal(scope.read('below/cgroup.procs'), String(other.pid))
  other.kill('SIGKILL')
  await once(other, 'exit')
})

test('a caller that is killed halfway leaves what delete removes', {
  skip: !isOurs && 'runc writes its state when the hooks have run: delete finds none',
}, async t => {
  const scope = new Scope(t, ['sleep', '1000'], spec => {
    spec.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', 'kill -KILL $PPID; sleep 1'] }] }
  })
  const { status } = await scope.call('create', ['--bundle', scope.ground.bundle])
  assert.notEqual(status, 0)
  await scope.succeed('delete', '--force')
  assert.ok(!existsSync(scope.directory))
  assert.ok(!scope.isLoaded)
})

test('without systemd or busctl the error says what to use instead', {
  skip: !isOurs && 'texts of utsuwa',
}, async t => {
  const scope = new Scope(t, ['true'])
  const words = [
    RUNTIME,
    '--root',
    scope.ground.stateRoot,
    '--systemd-cgroup',
    'create',
    '--bundle',
    scope.ground.bundle,
  ]
  const hidden = spawn('unshare', [
    '-m',
    'sh',
    '-c',
    'mount -t tmpfs none /run/systemd && exec "$@"',
    'sh',
    ...words,
    scope.id,
  ])
  const [said] = await once(hidden.stderr, 'data')
  assert.match(String(said), /use --systemd-cgroup: systemd does not run on this host.*--cgroup-manager cgroupfs/)
  const { stderr } = await scope.call('create', ['--bundle', scope.ground.bundle], { env: { PATH: '/nowhere' } })
  assert.match(stderr, /busctl is missing.*--systemd-cgroup/)
})
