/** Commands for containers that another shell runs. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { makeBusyboxRoot, openWorkplace, runBeside, utsuwaPath } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

/** Ends with status 3 when it is asked to. */
const OBEDIENT = 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
const DEAF = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'

function pidfdsOf(pid: number): number {
  const names = readdirSync(`/proc/${pid}/fd`).map(fd => readlinkSync(`/proc/${pid}/fd/${fd}`))
  return names.filter(name => name.includes('pidfd')).length
}

test('stop asks with the stop signal, wait tells the status of all, and the caller has it too', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using first = await runBeside(workplace, 'a', '--rootfs', rootfs, 'sh', '-c', OBEDIENT)
  const usr1 = OBEDIENT.replace('TERM', 'USR1').replace('exit 3', 'exit 4')
  const flags = ['--rm', '--stop-signal', 'USR1', '--rootfs', rootfs]
  await using second = await runBeside(workplace, 'b', ...flags, 'sh', '-c', usr1)
  const waiter = spawn(utsuwaPath, workplace.argv('wait', 'b', 'a'), { stdio: ['ignore', 'pipe', 'inherit'] })
  const waited = text(waiter.stdout)
  await until('wait has both before its eyes', () => pidfdsOf(waiter.pid!) >= 2)
  const { stdout, exitCode } = await workplace.utsuwa('stop', '--time', '60', '--all')
  assert.equal(exitCode, 0)
  assert.equal(stdout.split('\n').filter(Boolean).length, 2)
  assert.equal(await waited, '4\n3\n')
  assert.deepEqual([(await first.ended).exitCode, (await second.ended).exitCode], [3, 4])
  assert.match((await workplace.utsuwa('ps', '-a')).stdout, /Exited \(3\) .* ago +a\n$/)
  assert.deepEqual(await workplace.utsuwa('wait', 'a'), { exitCode: 0, stdout: '3\n', stderr: '' })
})

test('stop kills who does not listen, paused or not', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using deaf = await runBeside(workplace, 'deaf', '--rootfs', rootfs, 'sh', '-c', DEAF)
  assert.equal((await workplace.utsuwa('pause', 'deaf')).stdout, 'deaf\n')
  assert.match((await workplace.utsuwa('ps')).stdout, /\(Paused\) +deaf\n$/)
  assert.equal((await workplace.utsuwa('stop', '-t', '0', 'deaf')).exitCode, 0)
  assert.equal((await deaf.ended).exitCode, 137)
})

test('kill sends any signal; unpause lets go on', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using box = await runBeside(workplace, 'box', '--rootfs', rootfs, 'sh', '-c', OBEDIENT)
  await workplace.utsuwa('pause', 'box')
  assert.match((await workplace.utsuwa('pause', 'box')).stderr, /not running or created: paused/)
  assert.equal((await workplace.utsuwa('unpause', 'box')).exitCode, 0)
  assert.match((await workplace.utsuwa('kill', '-s', 'NOPE', 'box')).stderr, /unknown signal "NOPE"/)
  assert.equal((await workplace.utsuwa('kill', '-s', '15', 'box')).stdout, 'box\n')
  assert.equal((await box.ended).exitCode, 3)
  assert.match((await workplace.utsuwa('kill', 'box')).stderr, /container not running/)
})

test('a container is found by its new name alone', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using box = await runBeside(workplace, 'old', '--rootfs', rootfs, 'sh', '-c', OBEDIENT)
  assert.equal((await workplace.utsuwa('rename', 'old', 'new')).exitCode, 0)
  assert.match((await workplace.utsuwa('stop', 'old')).stderr, /no container has the name or id "old"/)
  assert.equal((await workplace.utsuwa('stop', 'new')).exitCode, 0)
  await box.ended
  assert.match((await workplace.utsuwa('ps', '-a')).stdout, / new\n$/)
  assert.equal((await workplace.utsuwa('rm', 'new')).exitCode, 0)
  assert.equal((await workplace.utsuwa('rename', 'new', 'x')).exitCode, 125)
})

test('top lists the processes of the container alone', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using _box = await runBeside(workplace, 'box', '--rootfs', rootfs, 'sh', '-c', 'echo ready; exec sleep 1000')
  // Not ps(1)'s own choice of columns: it has times, and User Mode Linux does not tell when it was booted.
  const { stdout, stderr } = await workplace.utsuwa('top', 'box', '-o', 'pid,user,args')
  assert.equal(stderr, '')
  assert.match(stdout, /^ *PID USER .*\n.* (sh -c|sleep 1000).*\n$/)
  const list = JSON.parse((await workplace.utsuwa('top', '--json', 'box', '-o', 'pid,comm')).stdout) as object[]
  assert.equal(list.length, 1)
})

test('neither names nor --all, and both, are refused with what to type', async () => {
  using workplace = openWorkplace()
  for (const verb of ['stop', 'kill', 'rm']) {
    const { exitCode, stderr } = await workplace.utsuwa(verb)
    assert.equal(exitCode, 125)
    assert.match(stderr, /or --all\nhint: utsuwa ps\n$/)
    assert.match((await workplace.utsuwa(verb, '--all', 'x')).stderr, /names or --all/)
  }
})

test('names and user ids that lead nowhere, as after a killed rm, are freed by prune and by ps', async () => {
  using workplace = openWorkplace()
  for (const command of [['prune', '--force'], ['ps']])
    for (const kind of ['names', 'user-ids']) {
      const directory = join(workplace.runRoot, kind)
      mkdirSync(directory, { recursive: true })
      symlinkSync('gone', join(directory, 'nowhere'))
      assert.equal((await workplace.utsuwa(...command)).exitCode, 0)
      assert.deepEqual(readdirSync(directory), [], `${command[0]}: ${kind}`)
    }
})
