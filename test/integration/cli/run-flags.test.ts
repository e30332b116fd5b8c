/** Flags of `utsuwa run`, by what a command in the container sees of them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
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

/** What a shell script prints that `utsuwa run --rm` with these flags runs. */
async function seen(script: string, ...flags: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(
    'run',
    '--rm',
    ...flags,
    '--rootfs',
    rootfs,
    'sh',
    '-c',
    script,
  )
  assert.equal(exitCode, 0, stderr)
  return stdout.trimEnd()
}

test('--init: orphans are taken care of, and the end is the command’s', async () => {
  assert.match(await seen('ps -o pid,args', '--init'), /^ +1 \/dev\/init sh -c /m)
  const orphan = '(sleep 0.1 &); sleep 0.5; ls /proc | grep -c "^[0-9]"'
  // The first process, this shell, ls and grep: an orphan that nobody waits for would be one more.
  assert.equal(await seen(orphan, '--init'), '4')
  for (const [status, ...words] of [
    [7, 'sh', '-c', 'exit 7'],
    [137, 'sh', '-c', 'kill -9 $$'],
    [127, 'no-such'],
    [126, '/etc'],
  ] as const)
    assert.equal((await workplace.utsuwa('run', '--rm', '--init', '--rootfs', rootfs, ...words)).exitCode, status)
})

test('--init passes signals on', async () => {
  const script = 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'
  await using box = await runBeside(workplace, 'signalled', '--init', '--rootfs', rootfs, 'sh', '-c', script)
  assert.equal((await workplace.utsuwa('stop', 'signalled')).exitCode, 0)
  assert.equal((await box.ended).exitCode, 5)
})

test('--device, --group-add, --domainname', async () => {
  assert.match(await seen('ls -l /dev/nothing', '--device', '/dev/zero:/dev/nothing'), /^c.* 1, +5 /)
  assert.equal(await seen('id -G', '--group-add', '44', '--group-add', '45', '-u', '5:6'), '6 44 45')
  assert.equal(await seen('cat /proc/sys/kernel/domainname', '--domainname', 'example'), 'example')
})

test('namespaces of the host are seen where they are asked for', async () => {
  const inode = (type: string) => seen(`readlink /proc/self/ns/${type}`, `--${type}`, 'host')
  for (const type of ['pid', 'ipc', 'uts']) {
    const own = spawnSync('readlink', [`/proc/self/ns/${type}`], { encoding: 'utf8' }).stdout.trimEnd()
    assert.equal(await inode(type), own)
  }
  assert.equal(await seen('hostname', '--uts', 'host'), hostname())
  assert.equal(await seen('ls -d /dev/shm 2>&1 || true', '--ipc', 'none'), 'ls: /dev/shm: No such file or directory')
  assert.match(await seen('grep ^0: /proc/self/cgroup', '--cgroupns', 'host'), /^0::\/utsuwa\/[0-9a-f]{64}$/)
})

test('namespaces of another container are joined while it lives', async () => {
  const idle = 'echo ready; while :; do sleep 1000; done'
  await using box = await runBeside(workplace, 'other', '-h', 'vessel', '--rootfs', rootfs, 'sh', '-c', idle)
  const modes = ['--pid', 'container:other', '--uts', 'container:other', '--ipc', 'container:other']
  assert.match(await seen('hostname; ps -o args', ...modes), /^vessel\n[\s\S]*echo ready/)
  await workplace.utsuwa('kill', 'other')
  await box.ended
  const { exitCode, stderr } = await workplace.utsuwa('run', '--rm', ...modes, '--rootfs', rootfs, 'true')
  assert.equal(exitCode, 125)
  assert.match(stderr, /join the pid namespace of container other: it has ended/)
})

test('namespaces are found again by a container that is started again after the other', async () => {
  const idle = ['sh', '-c', 'while :; do sleep 1000; done']
  const detached = (...words: string[]) => workplace.utsuwa('run', '-d', '--network', 'none', ...words)
  await detached('--name', 'owner', '-h', 'vessel', '--rootfs', rootfs, ...idle)
  await detached('--name', 'guest', '--uts', 'container:owner', '--rootfs', rootfs, ...idle)
  assert.equal((await workplace.utsuwa('kill', 'owner', 'guest')).exitCode, 0)
  await workplace.utsuwa('wait', 'owner', 'guest')
  assert.match((await workplace.utsuwa('start', 'guest')).stderr, /owner: it has ended\nhint: utsuwa start owner\n$/)
  assert.equal((await workplace.utsuwa('start', 'owner')).stderr, '')
  assert.equal((await workplace.utsuwa('start', 'guest')).stderr, '')
  assert.equal((await workplace.utsuwa('exec', 'guest', 'hostname')).stdout, 'vessel\n')
  await workplace.utsuwa('rm', '-f', 'owner', 'guest')
})

test('--cidfile has the id, and is not written over', async () => {
  const file = join(workplace.directory, 'cid')
  const run = (...words: string[]) => workplace.utsuwa('run', '--rm', '--cidfile', file, '--rootfs', rootfs, ...words)
  assert.equal((await run('no-such')).exitCode, 127)
  assert.equal((await run('true')).exitCode, 0)
  assert.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}$/)
  assert.match((await run('true')).stderr, /another container may use it\nhint: rm /)
  assert.ok(existsSync(file))
})

test('--label, --label-file and --stop-timeout are kept', async () => {
  const file = join(workplace.directory, 'labels')
  writeFileSync(file, '# comment\na=file\nb=file\n')
  const flags = ['--label-file', file, '-l', 'b=flag', '-l', 'c']
  await workplace.utsuwa('run', '--name', 'labelled', ...flags, '--rootfs', rootfs, 'true')
  const [{ Config }] = JSON.parse((await workplace.utsuwa('inspect', 'labelled')).stdout)
  assert.deepEqual(Config.Labels, { a: 'file', b: 'flag', c: '' })
  await workplace.utsuwa('rm', 'labelled')
  const deaf = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
  await using box = await runBeside(workplace, 'deaf', '--stop-timeout', '0', '--rootfs', rootfs, 'sh', '-c', deaf)
  await workplace.utsuwa('stop', 'deaf')
  assert.equal((await box.ended).exitCode, 137)
})

test('--preserve-fds passes descriptors on, and refuses those of nobody', () => {
  const words = workplace.argv('run', '--rm', '--preserve-fds', '1', '--rootfs', rootfs, 'cat', '/proc/self/fd/3')
  const file = join(workplace.directory, 'passed')
  writeFileSync(file, 'passed on\n')
  const run = (...stdio: (number | 'pipe' | 'ignore')[]) =>
    spawnSync(utsuwaPath, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe', ...stdio] })
  assert.equal(run(openSync(file, 'r')).stdout, 'passed on\n')
  assert.match(run().stderr, /cannot preserve descriptor 3/)
})

test('switches may have values', async () => {
  assert.equal(await seen('cat /proc/1/comm', '--init=true', '--read-only=false'), 'init')
})
