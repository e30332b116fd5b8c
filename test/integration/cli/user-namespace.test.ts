/** `--userns auto`: a container whose root is nobody on the host, with an image's files, volumes and limits all the same. */
import assert from 'node:assert/strict'
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loseAtBoot } from '../../support/boot.ts'
import { openWorkplace } from '../../support/command-line.ts'
import { buildBusyboxImage } from '../../support/image-builder.ts'
import { until } from '../../support/until.ts'

const FIRST_AT_LEAST = 0x40000000

const workplace = openWorkplace()
chmodSync(workplace.directory, 0o711)
after(() => workplace[Symbol.dispose]())

before(async () => {
  const dir = join(workplace.directory, 'layout')
  const layer = [
    { path: 'srv/', mode: 0o750, uid: 1000, gid: 1001 },
    { path: 'srv/file', data: 'of the image\n', mode: 0o640, uid: 1000, gid: 1001 },
    { path: 'srv/setuid', data: 'x', mode: 0o4755 },
  ]
  await buildBusyboxImage({ dir, tag: 'localhost/box:1', layers: [layer] })
  await succeed('load', '-i', dir)
})

async function succeed(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...args)
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

const mapped = ['--network', 'none', '--userns', 'auto']
const sh = (flags: readonly string[], script: string): Promise<string> =>
  succeed('run', ...mapped, ...flags, 'localhost/box:1', 'sh', '-c', script)

const snapshotOf = (id: string): string => join(workplace.directory, 'store/containers', id, 'upper')

async function idOf(name: string): Promise<string> {
  return (JSON.parse(await succeed('inspect', name)) as { Id: string }[])[0]!.Id
}

const takenIds = (): string[] => readdirSync(join(workplace.runRoot, 'user-ids'))

test('its ids are others on the host, and its files are its own', async () => {
  const script = `cat /proc/self/uid_map /proc/self/gid_map; stat -c '%n %u %g %a' / /srv /srv/file /srv/setuid /proc/self/fd
    cat /srv/file; echo more >>/srv/file; mkdir /srv/new; chown 7:8 /srv/new; stat -c '%u %g' /srv/new
    chown 70000 /srv/new || echo no; touch /dev/shm/x /tmp/y && rm /srv/setuid && ls /srv`
  const [uids = '', gids, ...rest] = (await sh(['--name', 'box', '--memory', '64m'], script)).split('\n')
  const [inside, first, size] = uids.trim().split(/\s+/).map(Number)
  assert.equal(uids, gids)
  assert.deepEqual([inside, size], [0, 65536])
  assert.ok(first! >= FIRST_AT_LEAST && first! % 65536 === 0, uids)
  assert.deepEqual(rest, [
    '/ 0 0 755',
    '/srv 1000 1001 750',
    '/srv/file 1000 1001 640',
    '/srv/setuid 0 0 4755',
    '/proc/self/fd 0 0 500',
    'of the image',
    '7 8',
    'no',
    'file',
    'new',
    '',
  ])
  // On the disk they are what the container sees.
  const upper = snapshotOf(await idOf('box'))
  const { uid, gid } = statSync(join(upper, 'srv/new'))
  assert.deepEqual([uid, gid], [7, 8])
  assert.equal(statSync(join(upper, 'srv/file')).uid, 1000)
  assert.deepEqual(takenIds(), [String(first)])
  await succeed('rm', 'box')
  assert.deepEqual(takenIds(), [])
})

test('a volume of its is anybody’s; a directory of the host is the host’s, unless it is mapped', async () => {
  await sh(['--rm', '-v', 'data:/srv'], 'id -u >/srv/by-root; chown 5:6 /srv/by-root')
  const plain = ['run', '--rm', '--network', 'none', '-v', 'data:/data', 'localhost/box:1']
  const seen = await succeed(...plain, 'stat', '-c', '%n %u %g', '/data', '/data/file', '/data/by-root')
  assert.equal(seen, '/data 1000 1001\n/data/file 1000 1001\n/data/by-root 5 6\n')
  const bind = (options: string, script: string): Promise<string> =>
    sh(['--rm', '-v', `${workplace.directory}:/host${options}`], script)
  assert.equal(await bind('', "stat -c '%u' /host; touch /host/x 2>/dev/null || echo no"), '65534\nno\n')
  assert.equal(await bind(':idmap', "touch /host/x; stat -c '%u' /host /host/x"), '0\n0\n')
  assert.equal(statSync(join(workplace.directory, 'x')).uid, 0)
})

test('each has ids of its own, and what is done to one that runs is done with them', async () => {
  for (const name of ['one', 'two'])
    await succeed(
      'run',
      '-d',
      ...mapped,
      '--name',
      name,
      'localhost/box:1',
      'sh',
      '-c',
      'echo started; exec sleep 1000',
    )
  const pids = await Promise.all(
    ['one', 'two'].map(
      async name => (JSON.parse(await succeed('inspect', name)) as [{ State: { Pid: number } }])[0].State.Pid,
    ),
  )
  const owners = pids.map(pid => statSync(`/proc/${pid}`).uid)
  assert.ok(owners[0] !== owners[1] && owners.every(owner => owner >= FIRST_AT_LEAST), owners.join())
  assert.equal(await succeed('exec', 'one', 'sh', '-c', 'id -u; echo by exec >/srv/e; hostname >/dev/null'), '0\n')
  const file = join(workplace.directory, 'copied')
  await succeed('cp', 'one:/srv/e', file)
  assert.equal(readFileSync(file, 'utf8'), 'by exec\n')
  await succeed('cp', file, 'one:/srv/from-host')
  assert.equal(await succeed('exec', 'one', 'stat', '-c', '%u %g', '/srv/from-host'), '0 0\n')
  await until('its output', async () => (await succeed('logs', 'one')) === 'started\n')
  await succeed('stop', '-t', '0', 'one')
  await succeed('start', 'one')
  assert.equal(await succeed('exec', 'one', 'cat', '/srv/e'), 'by exec\n')
  await succeed('rm', '-f', 'one', 'two')
  assert.deepEqual(takenIds(), [])
})

test('after a boot it has the same ids again', async () => {
  await succeed('run', '-d', ...mapped, '--restart', 'always', '--name', 'kept', 'localhost/box:1', 'sleep', '1000')
  const taken = takenIds()
  await loseAtBoot(workplace.runRoot)
  assert.equal(await succeed('start-at-boot'), 'kept\n')
  assert.deepEqual(takenIds(), taken)
  assert.equal(await succeed('exec', 'kept', 'id', '-u'), '0\n')
  await succeed('rm', '-f', 'kept')
})

test('what it could not have is refused', async () => {
  const refused = async (...flags: string[]): Promise<string> => {
    const { exitCode, stderr } = await workplace.utsuwa('run', '--userns', 'auto', ...flags)
    assert.equal(exitCode, 125)
    return stderr
  }
  assert.match(await refused('--privileged', 'localhost/box:1'), /--privileged/)
  assert.match(await refused('--network', 'host', 'localhost/box:1'), /--network host/)
  assert.match(await refused('--network', 'none', '--rootfs', '/'), /not an image/)
})
