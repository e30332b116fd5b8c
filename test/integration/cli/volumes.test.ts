/** Volumes: with a name, without one, of an image; what is copied into them, who uses them, and when they go. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openWorkplace, utsuwaPath } from '../../support/command-line.ts'
import { buildBusyboxImage } from '../../support/image-builder.ts'

const workplace = openWorkplace()
after(() => workplace[Symbol.dispose]())

before(async () => {
  const dir = join(workplace.directory, 'layout')
  const layer = [
    { path: 'srv/', mode: 0o750, uid: 1000, gid: 1001 },
    { path: 'srv/file', data: 'of the image', mode: 0o640, uid: 1000, gid: 1001 },
    { path: 'srv/setuid', data: 'x', mode: 0o4755 },
    { path: 'srv/link', type: '2', linkpath: '/etc/passwd' },
    { path: 'srv/sub/' },
    { path: 'srv/sub/twin', type: '1', linkpath: 'srv/file' },
    { path: 'elsewhere', type: '2', linkpath: '/srv' },
  ]
  await buildBusyboxImage({ dir, tag: 'localhost/plain:1', layers: [layer] })
  await succeed('load', '-i', dir)
  const withVolumes = join(workplace.directory, 'with-volumes')
  await buildBusyboxImage({
    dir: withVolumes,
    tag: 'localhost/volumes:1',
    layers: [layer],
    config: { Volumes: { '/srv': {} } },
  })
  await succeed('load', '-i', withVolumes)
})

async function succeed(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...args)
  assert.equal(exitCode, 0, stderr)
  return stdout
}

const sh = (flags: readonly string[], script: string, image = 'localhost/plain:1'): Promise<string> =>
  succeed('run', '--network', 'none', ...flags, image, 'sh', '-c', script)

const names = async (): Promise<string[]> => (await succeed('volume', 'ls', '-q')).split('\n').filter(Boolean)

/** Starts a container that waits, and resolves when it runs. */
async function waiting(...flags: string[]): Promise<ChildProcess & Disposable> {
  const words = ['run', '--network', 'none', ...flags, 'localhost/plain:1', 'sh', '-c', 'echo ready; exec sleep 1000']
  const child = spawn(utsuwaPath, workplace.argv(...words), { stdio: ['ignore', 'pipe', 'inherit'] })
  const [first] = (await Promise.race([once(child.stdout, 'data'), once(child, 'close')])) as unknown[]
  assert.equal(String(first), 'ready\n')
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill('SIGKILL') })
}

test('a volume with a name keeps what containers write, when they are gone', async () => {
  await sh(['--rm', '-v', 'kept:/data'], 'echo hello >/data/file')
  assert.equal(
    await sh(['--rm', '-v', 'kept:/elsewhere/deep:ro'], 'cat /srv/deep/file; ! touch /srv/deep/x'),
    'hello\n',
  )
  assert.equal(
    await sh(['--rm', '--mount', 'source=kept,target=/m,readonly'], 'cat /m/file; ! touch /m/x 2>/dev/null'),
    'hello\n',
  )
  const [described] = JSON.parse(await succeed('volume', 'inspect', 'kept'))
  assert.equal(readFileSync(join(described.Mountpoint, 'file'), 'utf8'), 'hello\n')
  await succeed('volume', 'rm', 'kept')
  assert.ok(!existsSync(described.Mountpoint))
})

test('a new one gets what the image has there, owners and modes and links included, and only then', async () => {
  const look = 'cd /srv; stat -c "%n %a %u:%g" . file setuid; readlink link; [ file -ef sub/twin ] && echo twins'
  const expected = '. 750 1000:1001\nfile 640 1000:1001\nsetuid 4755 0:0\n/etc/passwd\ntwins\n'
  assert.equal(await sh(['--rm', '-v', 'filled:/srv'], look), expected)
  await sh(['--rm', '-v', 'filled:/data'], 'rm /data/file /data/sub/twin')
  assert.equal(await sh(['--rm', '-v', 'filled:/srv'], 'ls /srv'), 'link\nsetuid\nsub\n')
  assert.equal(await sh(['--rm', '-v', 'empty:/srv:nocopy'], 'ls /srv'), '')
  assert.equal(await sh(['--rm', '-v', 'through:/elsewhere'], 'cat /srv/file'), 'of the image')
  await succeed('volume', 'rm', 'filled', 'empty', 'through')
})

test('two containers that begin with a volume at once both find it filled', async () => {
  const both = [1, 2].map(() => sh(['--rm', '-v', 'shared:/srv'], 'cat /srv/file'))
  assert.deepEqual(await Promise.all(both), ['of the image', 'of the image'])
  await succeed('volume', 'rm', 'shared')
})

test('a copy that was cut short is begun again', async () => {
  await succeed('volume', 'create', 'cut')
  const path = join(workplace.directory, 'store/volumes/cut')
  writeFileSync(join(path, 'copying'), '')
  writeFileSync(join(path, '_data/half'), '')
  assert.equal(await sh(['--rm', '-v', 'cut:/srv'], 'ls /srv'), 'file\nlink\nsetuid\nsub\n')
  await succeed('volume', 'rm', 'cut')
})

test('volumes of an image have no name, are filled, and go with --rm or rm -v', async () => {
  assert.equal(await sh(['--rm'], 'cat /srv/file; echo x >/srv/file', 'localhost/volumes:1'), 'of the image')
  assert.deepEqual(await names(), [])
  await sh(['--name', 'a', '-v', '/anonymous'], 'true', 'localhost/volumes:1')
  assert.equal((await names()).length, 2)
  await succeed('rm', 'a')
  assert.equal((await names()).length, 2)
  assert.match(await succeed('volume', 'prune', '-f'), /^[0-9a-f]{64}\n[0-9a-f]{64}\nTotal reclaimed space: /)
  await sh(['--name', 'b', '-v', 'named:/named'], 'true', 'localhost/volumes:1')
  await succeed('rm', '-v', 'b')
  assert.deepEqual(await names(), ['named'])
  // What the caller mounts there counts more.
  assert.equal(await sh(['--rm', '--tmpfs', '/srv'], 'ls /srv', 'localhost/volumes:1'), '')
  await succeed('volume', 'rm', 'named')
})

test('a failed start leaves volumes without a name to what is kept of the container, and with --rm none', async () => {
  const fail = async (...flags: string[]): Promise<void> => {
    const { exitCode } = await workplace.utsuwa('run', ...flags, '-v', '/x', 'localhost/volumes:1', 'nosuch')
    assert.equal(exitCode, 127)
  }
  await fail('--rm')
  assert.deepEqual(await names(), [])
  await fail('--name', 'failed')
  assert.equal((await names()).length, 2)
  await succeed('rm', '-v', 'failed')
  assert.deepEqual(await names(), [])
})

test('a volume in use is not removed, and its users are named', async () => {
  using child = await waiting('--name', 'user', '-v', 'used:/data')
  for (const flags of [[], ['--force']]) {
    const { exitCode, stderr } = await workplace.utsuwa('volume', 'rm', ...flags, 'used')
    assert.deepEqual([exitCode, stderr.split('\n')[0]], [125, 'utsuwa: remove volume used: it is used by user'])
  }
  assert.deepEqual((await succeed('volume', 'prune', '-af')).split('\n').length, 2)
  const ended = once(child, 'close')
  child.kill('SIGKILL')
  await ended
  const { exitCode } = await workplace.utsuwa('volume', 'rm', 'used')
  assert.equal(exitCode, 125)
  assert.equal(await succeed('volume', 'rm', '--force', 'used', 'never'), 'used\nnever\n')
  await succeed('rm', 'user')
})

test('labels and lists, as people and as programs read them', async () => {
  await succeed('volume', 'create', '-l', 'team=blue', 'listed')
  assert.equal(await succeed('volume', 'create', 'listed'), 'listed\n')
  assert.equal(await succeed('volume', 'ls'), 'DRIVER      VOLUME NAME\nlocal       listed\n')
  const [described] = JSON.parse(await succeed('volume', 'ls', '--json'))
  assert.deepEqual([described.Name, described.Labels], ['listed', { team: 'blue' }])
  await sh(['--name', 'shown', '-v', 'listed:/data'], 'true')
  const [container] = JSON.parse(await succeed('inspect', 'shown'))
  const mount = container.Mounts.find(({ Destination }: { Destination: string }) => Destination === '/data')
  assert.deepEqual([mount.Type, mount.Name], ['volume', 'listed'])
  await succeed('rm', 'shown')
  assert.equal((await workplace.utsuwa('volume', 'rm', 'nosuch')).exitCode, 125)
  await succeed('volume', 'rm', 'listed')
})
