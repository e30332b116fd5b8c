/** `utsuwa export`, `import`, `save`, `load`, `inspect` as commands. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openWorkplace, utsuwaPath, type Workplace } from '../../support/command-line.ts'
import { buildBusyboxImage } from '../../support/image-builder.ts'

let workplace: Workplace

before(async () => {
  workplace = openWorkplace()
  const dir = join(workplace.directory, 'layout')
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
  const layer = [
    { path: 'data/', mode: 0o2750, uid: 5, gid: 6 },
    { path: 'data/one', data: 'one', mode: 0o4755, uid: 7, gid: 8 },
    { path: 'data/same', type: '1', linkpath: 'data/one' },
    { path: 'data/able', data: '', pax: { 'SCHILY.xattr.security.capability': capability } },
    { path: 'data/link', type: '2', linkpath: '/etc/shadow' },
    { path: 'data/gone', data: 'gone' },
  ]
  await buildBusyboxImage({ dir, layers: [layer], tag: 'busybox:1', config: { Cmd: ['sh', '-c', 'cat /data/one'] } })
  await succeed('load', '-q', '-i', dir)
})

after(() => workplace[Symbol.dispose]())

async function succeed(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...args)
  assert.equal(exitCode, 0, stderr)
  return stdout
}

/** What tar says of data/ and what is in it, without sizes and times; attributes follow their file. */
function listed(archive: string): string[] {
  const flags = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '-tvvf']
  const lines = execFileSync('tar', [...flags, archive], { encoding: 'utf8' })
    .replaceAll('\n  x: ', ' x:')
    .split('\n')
  return lines
    .filter(line => / \.\/data\//.test(line))
    .map(line => line.replace(/ +\d+ \d{4}-\d\d-\d\d [\d:]+/, ' ').replaceAll(/ +/g, ' '))
    .sort()
}

test('a container that has ended and one that runs are exported with owners, modes, links and attributes', async () => {
  await succeed('run', '--name', 'ended', 'busybox:1', 'sh', '-c', 'rm /data/gone; echo new >/data/new')
  const file = join(workplace.directory, 'ended.tar')
  await succeed('export', '-o', file, 'ended')
  const entries = listed(file)
  assert.deepEqual(entries, [
    '-rw-r--r-- 0/6 ./data/new',
    '-rw-r--r--* 0/0 ./data/able x:20 security.capability',
    '-rwsr-xr-x 7/8 ./data/one',
    'drwxr-s--- 5/6 ./data/',
    'hrwsr-xr-x 7/8 ./data/same link to ./data/one',
    'lrwxrwxrwx 0/0 ./data/link -> /etc/shadow',
  ])

  // In the background of a shell that exports it again and again, from before there is anything of it.
  const running = join(workplace.directory, 'running.tar')
  const words = workplace.argv()
  const script = `
    "$@" run --rm --network none --name running -v ${workplace.directory}:/volume busybox:1 sh -c 'echo >/data/new; rm /data/gone; while [ -e /data/new ]; do sleep 0.1; done' &
    until "$@" export running >${running} && tar -tf ${running} ./data/new >/dev/null 2>&1 && ! tar -tf ${running} ./data/gone >/dev/null 2>&1; do sleep 0.2; done
    "$@" rm -f running; wait`
  const shell = spawnSync('sh', ['-c', script, 'sh', utsuwaPath, ...words], { timeout: 60_000 })
  assert.equal(shell.signal, null)
  assert.deepEqual(listed(running), entries)
  assert.match(
    execFileSync('tar', ['-tf', running], { encoding: 'utf8' }),
    /^\.\/volume\/$/m,
    'a mount is an empty directory',
  )
  assert.doesNotMatch(execFileSync('tar', ['-tf', running], { encoding: 'utf8' }), /volume\/.|\.\/proc\/./)
})

test('what is exported can be imported and run', async () => {
  const file = join(workplace.directory, 'imported.tar')
  const ended = join(workplace.directory, 'ended.tar')
  copyFileSync(ended, file)
  const id = await succeed('import', '-c', 'CMD ["cat", "/data/new"]', file, 'imported:1')
  assert.match(id, /^sha256:[0-9a-f]{64}\n$/)
  assert.equal(await succeed('run', '--rm', 'imported:1'), 'new\n')
  assert.match(
    await succeed('history', '--no-trunc', 'imported:1'),
    new RegExp(`^${id.trim()}.*imported by utsuwa$`, 'm'),
  )
})

test('nothing that an image says reaches a terminal as it is', async () => {
  const file = join(workplace.directory, 'imported.tar')
  const hostile = '\u001b[2J\u009b1m\u202eevil'
  await succeed('import', '-m', hostile, '-c', `LABEL a=${hostile}`, file, 'hostile:1')
  for (const words of [
    ['history', 'hostile:1'],
    ['history', '--json', 'hostile:1'],
    ['inspect', 'hostile:1'],
    ['images', '--json'],
    ['images', hostile],
    ['inspect', hostile],
  ]) {
    const { stdout, stderr } = await workplace.utsuwa(...words)
    assert.doesNotMatch((stdout + stderr).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u, words.join(' '))
  }
  await succeed('rmi', 'hostile:1')
})

test('saved images go through a pipe into another store', async () => {
  const other = ['--root', join(workplace.directory, 'other'), '--run-root', workplace.runRoot]
  const line = `"$0" "$@" save busybox:1 | "$0" ${other.join(' ')} load`
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line, utsuwaPath, ...workplace.argv()], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  assert.equal(stdout, 'Loaded image: docker.io/library/busybox:1\n')
  assert.match(stderr, /^docker\.io\/library\/busybox:1: 2 layers, sha256:/)
})

interface Inspected {
  Name: string
  Image: string
  State: { StartedAt: string; FinishedAt: string }
}

test('inspect tells of images and containers, as one array, and goes on after a name that is unknown', async () => {
  const { exitCode, stdout, stderr } = await workplace.utsuwa('inspect', 'ended', 'nothing', 'busybox:1')
  assert.equal(exitCode, 125)
  assert.equal(stderr, 'utsuwa: inspect nothing: no such container or image\nhint: utsuwa pull nothing\n')
  const [container, image] = JSON.parse(stdout) as [Inspected, { RepoTags: string[] }]
  assert.deepEqual(container.State, {
    Status: 'exited',
    Running: false,
    Paused: false,
    OOMKilled: false,
    Pid: 0,
    ExitCode: 0,
    Error: '',
    StartedAt: container.State.StartedAt,
    FinishedAt: container.State.FinishedAt,
  })
  assert.ok(Date.parse(container.State.StartedAt) <= Date.parse(container.State.FinishedAt))
  assert.deepEqual([container.Name, container.Image], ['ended', 'docker.io/library/busybox:1'])
  assert.deepEqual(image.RepoTags, ['docker.io/library/busybox:1'])
  assert.equal((await workplace.utsuwa('inspect', '--type', 'image', 'ended')).exitCode, 125)
})

test('an image in use is not removed, and the hint is what helps', async () => {
  const refused = await workplace.utsuwa('rmi', 'busybox:1')
  assert.equal(refused.exitCode, 125)
  const [, command = ''] = /^hint: remove the container first: utsuwa (.*)$/m.exec(refused.stderr) ?? []
  await succeed(...command.split(' '))
  assert.match(await succeed('rmi', 'busybox:1'), /^Untagged: docker\.io\/library\/busybox:1\nDeleted: sha256:/)
  assert.match(
    await succeed('prune', '-a', '-f'),
    /^Untagged: .*imported:1\nDeleted: .*\nTotal reclaimed space: [\d.]+MB\n$/,
  )
  assert.deepEqual(readdirSync(join(workplace.directory, 'store/layers')), [])
  assert.ok(statSync(join(workplace.directory, 'store/reserve')).size > 0)
})

test('an archive is not written to or read from a terminal', () => {
  for (const words of [['save', 'x'], ['export', 'x'], ['load']]) {
    const line = [utsuwaPath, ...workplace.argv(...words)].join(' ')
    const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8', input: '' })
    assert.match(stdout, /terminal\r\nhint: /, words.join(' '))
  }
})
