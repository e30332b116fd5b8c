/** `utsuwa cp`: docker's rules of what goes where, and a container that lays traps. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeBusyboxRoot, openWorkplace, runBeside, utsuwaPath, type Workplace } from '../../support/command-line.ts'

let workplace: Workplace
let rootfs: string
before(() => {
  workplace = openWorkplace()
  rootfs = makeBusyboxRoot(workplace.directory)
})
after(() => workplace[Symbol.dispose]())

let made = 0
function makeDirectory(): string {
  const path = join(workplace.directory, `here${made++}`)
  mkdirSync(path)
  return path
}

async function cp(...words: string[]): Promise<string> {
  const { stderr } = await workplace.utsuwa('cp', ...words)
  return stderr
}

const SCRIPT = `
  mkdir -p /data/sub /data/empty; echo one >/data/one; echo two >/data/sub/two; ln -s one /data/link
  ln -s /data/sub /tmp/indirect; chown 7:8 /data/one; chmod 4755 /data/one
  echo ready; while :; do sleep 1000; done`

test('out of a container that runs, or has ended', async () => {
  const look = async (): Promise<void> => {
    const here = makeDirectory()
    assert.equal(await cp('box:/data/one', `${here}/renamed`), '')
    assert.equal(await cp('box:/data/one', here), '')
    assert.equal(readFileSync(join(here, 'renamed'), 'utf8') + readFileSync(join(here, 'one'), 'utf8'), 'one\none\n')
    const { mode, uid } = statSync(join(here, 'one'))
    assert.deepEqual([mode & 0o7777, uid], [0o755, 0])
    assert.equal(await cp('-a', 'box:/data/one', `${here}/kept`), '')
    assert.deepEqual([statSync(join(here, 'kept')).mode & 0o7777, statSync(join(here, 'kept')).uid], [0o4755, 7])
    assert.equal(await cp('box:/data', here), '')
    assert.deepEqual(readdirSync(join(here, 'data')).sort(), ['empty', 'link', 'one', 'sub'])
    assert.equal(readlinkSync(join(here, 'data/link')), 'one')
    assert.equal(await cp('box:data/.', `${here}/new`), '')
    assert.equal(readFileSync(join(here, 'new/sub/two'), 'utf8'), 'two\n')
    assert.equal(await cp('box:/data/sub/.', here), '')
    assert.equal(readFileSync(join(here, 'two'), 'utf8'), 'two\n')
    assert.equal(await cp('box:/tmp/indirect', here), '')
    assert.ok(lstatSync(join(here, 'indirect')).isSymbolicLink())
    assert.equal(await cp('-L', 'box:/tmp/indirect', `${here}/followed`), '')
    assert.deepEqual(readdirSync(join(here, 'followed')), ['two'])
    assert.match(await cp('box:/data', join(here, 'one')), /a directory does not replace a file/)
    assert.match(await cp('box:/data/one', `${here}/missing/`), /there is no such directory/)
    assert.match(await cp('box:/nothing', here), /ENOENT/)
  }
  await using box = await runBeside(workplace, 'box', '--rootfs', rootfs, 'sh', '-c', SCRIPT)
  await look()
  await workplace.utsuwa('kill', 'box')
  await box.ended
  await look()
})

test('into a container', async () => {
  const here = makeDirectory()
  mkdirSync(join(here, 'site/css'), { recursive: true })
  writeFileSync(join(here, 'site/css/a.css'), 'a', { mode: 0o640 })
  writeFileSync(join(here, 'index'), 'index')
  await using _box = await runBeside(
    workplace,
    'in',
    '--tmpfs',
    '/srv',
    '--tmpfs',
    '/data',
    '--tmpfs',
    '/tmp',
    '--rootfs',
    rootfs,
    'sh',
    '-c',
    SCRIPT,
  )
  const inside = async (script: string): Promise<string> =>
    (await workplace.utsuwa('exec', 'in', 'sh', '-c', script)).stdout.trimEnd()
  assert.equal(await cp(join(here, 'index'), 'in:/srv'), '')
  assert.equal(await cp(`${here}/site`, 'in:/srv'), '')
  assert.equal(await cp(`${here}/site/.`, 'in:/srv/copy'), '')
  // What is mounted in the container is there, too.
  assert.equal(await inside('cd /srv; find . -type f | sort | xargs'), './copy/css/a.css ./index ./site/css/a.css')
  assert.equal(await inside('stat -c "%a %u" /srv/copy/css/a.css'), '640 0')
  assert.match(await cp(join(here, 'index'), 'in:/no/such/place'), /there is no directory \/no\/such/)
  assert.match(await cp(here, here), /one of both must be in a container/)
})

test('archives go through pipes', async () => {
  const here = makeDirectory()
  await using _box = await runBeside(
    workplace,
    'tar',
    '--tmpfs',
    '/data',
    '--tmpfs',
    '/tmp',
    '--rootfs',
    rootfs,
    'sh',
    '-c',
    SCRIPT,
  )
  const archive = spawnSync(utsuwaPath, workplace.argv('cp', 'tar:/data', '-')).stdout
  const names = execFileSync('tar', ['-t'], { input: archive, encoding: 'utf8' }).split('\n').filter(Boolean).sort()
  assert.deepEqual(names, ['data/', 'data/empty/', 'data/link', 'data/one', 'data/sub/', 'data/sub/two'])
  assert.equal(spawnSync(utsuwaPath, workplace.argv('cp', '-', 'tar:/tmp'), { input: archive }).status, 0)
  assert.equal(await cp('tar:/tmp/data/sub/two', here), '')
  assert.equal(readFileSync(join(here, 'two'), 'utf8'), 'two\n')
})

test('links that a container has made lead nowhere outside', async () => {
  const [here, outside] = [makeDirectory(), makeDirectory()]
  writeFileSync(join(outside, 'secret'), 'of the host')
  const script = `
    ln -s ${outside}/secret /tmp/file; ln -s ${outside} /tmp/away; mkdir /tmp/tree; ln -s ${outside} /tmp/tree/planted
    mkfifo /tmp/fifo; echo ready; while :; do sleep 1000; done`
  await using _box = await runBeside(workplace, 'trap', '--tmpfs', '/tmp', '--rootfs', rootfs, 'sh', '-c', script)
  for (const words of [
    ['-L', 'trap:/tmp/file', here],
    ['trap:/tmp/away/secret', here],
    ['trap:/tmp/away/.', here],
  ])
    assert.match(await cp(...words), /ENOENT/)
  assert.match(await cp('trap:/tmp/fifo', here), /devices and pipes are not copied/)
  // In place of the link, not through it.
  assert.equal(await cp(join(outside, 'secret'), 'trap:/tmp/away'), '')
  // A link that comes out is a link here; what comes out after it does not go through it.
  assert.equal(await cp('trap:/tmp/tree/planted', here), '')
  symlinkSync(outside, join(here, 'tree'))
  await workplace.utsuwa('exec', 'trap', 'sh', '-c', 'rm /tmp/tree/planted; echo x >/tmp/tree/planted')
  await cp('trap:/tmp/tree', here)
  assert.ok(!existsSync(join(outside, 'planted')))
  assert.equal(await cp('trap:/tmp/tree/planted', here), '')
  assert.equal(readFileSync(join(here, 'planted'), 'utf8'), 'x\n')
  assert.deepEqual(readdirSync(outside), ['secret'])
})

test('a full file system of the container: the error names the path that found no room', async () => {
  const here = makeDirectory()
  writeFileSync(join(here, 'big'), Buffer.alloc(512 << 10))
  await using _box = await runBeside(
    workplace,
    'small',
    '--tmpfs',
    '/small:size=64k',
    '--rootfs',
    rootfs,
    'sh',
    '-c',
    SCRIPT,
  )
  const copy = (source: string, input?: Buffer): string =>
    spawnSync(utsuwaPath, workplace.argv('cp', source, 'small:/small'), { encoding: 'utf8', input }).stderr
  assert.match(copy(join(here, 'big')), /^utsuwa: write \/small\/big in the container: ENOSPC/)
  assert.match(copy(here), /^utsuwa: write \/small\/here\d+\/big in the container: ENOSPC/)
  const archive = execFileSync('tar', ['-C', here, '-c', 'big'])
  assert.match(copy('-', archive), /^utsuwa: write \/small\/big in the container: ENOSPC/)
})
