/** `checkpoint` and `restore` where they cannot work; test/integration/criu has them at work. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isOurs, Playground, RUNTIME } from './runtime.ts'

test('a container that does not run is not checkpointed', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  const id = await ground.create()
  const { status, stderr } = await ground.call(['checkpoint', '--image-path', join(ground.directory, 'images'), id])
  assert.equal(status, 1)
  if (isOurs) assert.match(stderr, /checkpoint container \S+: container not running or paused: created/)
  assert.equal((await ground.state(id)).status, 'created')
})

test('restore says that there is no checkpoint, and leaves nothing', async t => {
  const ground = new Playground(t)
  ground.configure(['true'])
  const id = ground.newId()
  const images = join(ground.directory, 'images')
  const { status, stderr } = await ground.call(['restore', '-d', '--image-path', images, '-b', ground.bundle, id])
  assert.equal(status, 1)
  if (isOurs) assert.match(stderr, /restore container \S+: there is no checkpoint in /)
  assert.ok(!existsSync(join(ground.stateRoot, id)))
})

test('without criu the error says which package to install', { skip: !isOurs && 'runc says it otherwise' }, async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  await ground.succeed(['start', id])
  // criu lies below /usr/sbin, which is looked at whatever PATH says.
  const hide =
    'for name in /usr/sbin/criu /usr/local/sbin/criu; do [ ! -e $name ] || mount --bind /dev/null $name; done'
  const words = [
    RUNTIME,
    '--root',
    ground.stateRoot,
    'checkpoint',
    '--image-path',
    join(ground.directory, 'images'),
    id,
  ]
  const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', `${hide}; exec "$@"`, 'sh', ...words], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /checkpoint container \S+: criu is missing \(install the package criu\)/)
  assert.equal((await ground.state(id)).status, 'running')
})

test('engines find what they look for', () => {
  const call = (...words: string[]) => spawnSync(RUNTIME, words, { encoding: 'utf8' })
  assert.equal(call('checkpoint', '--help').status, 0)
  assert.match(call('restore', '--lsm-mount-context').stderr, /flag needs an argument/)
  assert.match(execFileSync(RUNTIME, ['restore', '--help'], { encoding: 'utf8' }), /--image-path/)
})

test('a page server that is no address and port is an error', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  const words = ['checkpoint', '--image-path', ground.directory, '--page-server']
  for (const server of ['nowhere', 'host:1', '127.0.0.1:0', '127.0.0.1:65536', ':1']) {
    const { status, stderr } = await ground.call([...words, server, id])
    assert.equal(status, 1, server)
    if (isOurs) assert.match(stderr, /page-server: it is an IP address and a port/)
  }
})
