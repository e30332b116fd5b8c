/** Where processes are, as `explain` says it. Needs cgroup v2 with the controllers memory, cpu and pids. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { describeProcess } from '../../../src/cli/print/describe-process.ts'
import { create, explainProcess } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const sandbox = makeSandbox()
const { rootfs, runRoot } = sandbox
after(() => sandbox[Symbol.dispose]())

const MIB = 2 ** 20
const parent = '/sys/fs/cgroup/explain-test'
const plainScreen = { width: 100, bold: (text: string) => text, dim: (text: string) => text }

test('a container: limits of each level, which binds, and its namespaces', async t => {
  mkdirSync(parent)
  t.after(() => rmdirSync(parent))
  await using box = await create({
    rootfs,
    runRoot,
    name: 'explained',
    args: ['sleep', '1000'],
    memory: '64MiB',
    cpus: 0.5,
    pids: 20,
    cgroupParent: '/explain-test',
    unified: { 'memory.low': String(MIB) },
  })
  writeFileSync(join(parent, 'memory.max'), String(32 * MIB))
  await box.start()
  const answer = await explainProcess('explained', { runRoot })

  assert.equal(answer.pid, box.pid)
  assert.equal(answer.command, 'sleep 1000')
  assert.deepEqual(answer.container, { id: box.id, name: 'explained' })
  assert.deepEqual([answer.maker?.engine, answer.maker?.id], ['utsuwa', box.id])
  assert.deepEqual(
    answer.cgroup.levels.map(({ path }) => path),
    ['/', '/explain-test', `/explain-test/${box.id}`],
  )
  assert.deepEqual(
    answer.cgroup.bindings.map(({ resource, path, limit }) => [resource, path, limit]),
    [
      ['memory', '/explain-test', 32 * MIB],
      ['swap', `/explain-test/${box.id}`, 64 * MIB],
      ['cpu', `/explain-test/${box.id}`, 0.5],
      ['pids', `/explain-test/${box.id}`, 20],
    ],
  )
  assert.equal(answer.cgroup.levels[2]?.settings['memory.low'], String(MIB))
  const byType = Object.fromEntries(answer.namespaces.map(each => [each.type, each]))
  assert.deepEqual([byType.pid?.isHost, byType.pid?.isOwn, byType.pid?.processes], [false, false, [box.pid]])
  assert.deepEqual([byType.user?.isHost, byType.user?.isOwn], [true, true])
  assert.equal(byType.pid?.owner, byType.user?.inode)
  assert.deepEqual([answer.privileges.seccomp, answer.privileges.uid], ['filter', 0])

  const text = describeProcess(answer, plainScreen)
  for (const words of [
    / {2}explain-test .*32 MiB ◀/,
    /binds: memory 32 MiB \(the limit of \/explain-test, which it/,
    /0\.5 ◀/,
  ])
    assert.match(text, words)
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line)
})

test('any process: in a cgroup that nobody claims', async t => {
  const directory = '/sys/fs/cgroup/explain-plain'
  mkdirSync(directory)
  const child = spawn('sleep', ['1000'])
  const ended = new Promise(resolve => child.on('exit', resolve))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmdirSync(directory)
  })
  writeFileSync(join(directory, 'cgroup.procs'), String(child.pid))
  const answer = await explainProcess(child.pid!, { runRoot })
  assert.deepEqual([answer.container, answer.maker], [undefined, undefined])
  assert.equal(answer.cgroup.path, '/explain-plain')
  assert.ok(answer.namespaces.every(({ isOwn, isHost }) => isOwn && isHost))
  assert.match(describeProcess(answer, plainScreen), /made by {2}nobody that leaves a trace/)
})
