/** `exec`: one more process in a container, as flags or as a document describe it. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { isOurs, Playground } from './runtime.ts'

/** A started container that sleeps, and `exec` in it. */
async function startedContainer(ground: Playground, edit?: (spec: RuntimeSpec) => void) {
  ground.configure(['sleep', '1000'], edit)
  const id = await ground.create()
  await ground.succeed(['start', id])
  return { id, exec: (...words: string[]) => ground.call(['exec', ...words]) }
}

test('the exit status is that of the command, or 128 and the signal; 255 is a failure of exec itself', async t => {
  const ground = new Playground(t)
  const { id, exec } = await startedContainer(ground)
  const seven = await exec(id, 'sh', '-c', 'echo out; echo err >&2; exit 7')
  assert.deepEqual(seven, { status: 7, stdout: 'out\n', stderr: 'err\n' })
  assert.equal((await exec(id, 'sh', '-c', 'kill -KILL $$')).status, 137)
  const missing = await exec(id, 'nosuch')
  assert.equal(missing.status, 255)
  assert.match(missing.stderr, /executable file not found in \$PATH/)
  const directory = await exec(id, '/bin')
  assert.equal(directory.status, 255)
  assert.match(directory.stderr, /permission denied|is a directory/)
  assert.equal((await exec('nosuch', 'true')).status, 255)
})

test('it shares the namespaces, the cgroup and the environment of the container, which may be only created', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'], spec => {
    spec.hostname = 'inside'
    spec.process!.env = ['PATH=/bin', 'FROM=config']
  })
  const id = await ground.create()
  const script = 'echo $FROM $EXTRA; cat /proc/sys/kernel/hostname; pwd; cat /proc/self/cgroup'
  const { stdout } = await ground.succeed(['exec', '-e', 'EXTRA=flag', '--cwd', '/tmp', id, 'sh', '-c', script])
  assert.match(stdout, /^config flag\ninside\n\/tmp\n/)
  if (readCgroupHierarchy().mode === 'unified') assert.match(stdout, /^0::\/$/m)
})

test('user and groups are numbers: nothing else becomes uid 0 (CVE-2026-30892)', async t => {
  const ground = new Playground(t)
  const { id, exec } = await startedContainer(ground)
  assert.equal((await exec('-u', '1', id, 'id')).stdout, 'uid=1 gid=0\n')
  assert.equal((await exec('--user', '1:2', id, 'id')).stdout, 'uid=1 gid=2\n')
  assert.match((await exec('-u', '1:2', '-g', '5', '-g', '6', id, 'id')).stdout, /^uid=1 gid=2 groups=(2,)?5,6\n$/)
  for (const user of ['x', '1:x', ...(isOurs ? ['-1', '4294967295', '1:2:3', '0x1', ' 1'] : [])]) {
    const { status, stdout } = await exec('-u', user, id, 'id')
    assert.deepEqual([status, stdout], [255, ''], user)
  }
})

test('capabilities: none is inheritable (CVE-2022-29162), and --cap adds one', async t => {
  const ground = new Playground(t)
  const { id, exec } = await startedContainer(ground)
  const capabilities = async (...flags: string[]): Promise<Record<string, bigint>> => {
    const { stdout } = await exec(...flags, id, 'cat', '/proc/self/status')
    return Object.fromEntries(
      [...stdout.matchAll(/^(Cap\w+):\s+(\w+)$/gm)].map(([, name, set]) => [name, BigInt(`0x${set}`)]),
    )
  }
  const CAP_SYS_NICE = 1n << 23n
  const plain = await capabilities()
  assert.deepEqual([plain.CapInh, plain.CapEff! & CAP_SYS_NICE], [0n, 0n])
  const more = await capabilities('--cap', 'CAP_SYS_NICE')
  assert.deepEqual(
    [more.CapInh, more.CapEff! & CAP_SYS_NICE, more.CapBnd! & CAP_SYS_NICE, more.CapEff! & ~CAP_SYS_NICE],
    [0n, CAP_SYS_NICE, CAP_SYS_NICE, plain.CapEff],
  )
})

test('--process: a document says all of it', async t => {
  const ground = new Playground(t)
  const { id } = await startedContainer(ground)
  const file = join(ground.directory, 'process.json')
  const args = ['sh', '-c', 'id; ulimit -n; echo $A; pwd; exit 3']
  const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 512, hard: 512 }]
  const env = ['PATH=/bin', 'A=b']
  writeFileSync(file, JSON.stringify({ user: { uid: 5, gid: 6 }, args, env, cwd: '/tmp', rlimits }))
  const { status, stdout } = await ground.call(['exec', '--process', file, id])
  assert.deepEqual([status, stdout], [3, 'uid=5 gid=6\n512\nb\n/tmp\n'])
  writeFileSync(file, '{"args":[]')
  assert.equal((await ground.call(['exec', '-p', file, id])).status, 255)
  assert.equal((await ground.call(['exec', '-p', `${file}.missing`, id])).status, 255)
})

test('--detach returns when the command runs, and the pid file names it', async t => {
  const ground = new Playground(t)
  const { id } = await startedContainer(ground)
  const pidFile = join(ground.directory, 'pid')
  await ground.succeed(['exec', '-d', '--pid-file', pidFile, id, 'sleep', '999'])
  const pid = Number(readFileSync(pidFile, 'utf8'))
  if (isOurs) assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), ['sleep', '999', ''].join('\0'))
  const { stdout } = await ground.succeed(['ps', '--format', 'json', id])
  assert.deepEqual(new Set(JSON.parse(stdout) as number[]), new Set([pid, (await ground.state(id)).pid]))
  assert.notEqual((await ground.call(['exec', '-d', '-t', id, 'true'])).status, 0, 'a terminal needs a console socket')
})

test('a container that is paused or has ended', async t => {
  const ground = new Playground(t)
  const { id, exec } = await startedContainer(ground)
  await ground.succeed(['pause', id])
  const paused = await exec(id, 'true')
  assert.equal(paused.status, 255)
  assert.match(paused.stderr, /cannot exec in a paused container/)
  const waits = exec('--ignore-paused', id, 'echo', 'thawed')
  await sleep(500)
  await ground.succeed(['resume', id])
  assert.equal((await waits).stdout, 'thawed\n')
  await ground.succeed(['kill', id, 'KILL'])
  await ground.waitFor(id, 'stopped')
  const stopped = await exec(id, 'true')
  assert.equal(stopped.status, 255)
  assert.match(stopped.stderr, /cannot exec in a stopped container/)
})

test('--cgroup: below that of the container, never beside it', async t => {
  const ground = new Playground(t)
  const { id, exec } = await startedContainer(ground)
  const { pid } = await ground.state(id)
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))![1]!
  const below = join(readCgroupHierarchy().mountHostPath!, path, 'below')
  mkdirSync(below)
  assert.match((await exec('--cgroup', 'below', id, 'cat', '/proc/self/cgroup')).stdout, /below$/m)
  rmdirSync(below)
  assert.equal((await exec('--cgroup', 'nosuch', id, 'true')).status, 255)
  assert.equal((await exec('--cgroup', '../..', id, 'true')).status, 255)
})
