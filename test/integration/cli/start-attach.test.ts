/** `utsuwa create`, `start`, `restart` and `attach`: containers that are started more than once, and their streams. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { reopenLog } from '../../../src/index.ts'
import { makeBusyboxRoot, openWorkplace, utsuwaPath, type Workplace } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

interface Listed {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly exitCode?: number
}

async function succeed(workplace: Workplace, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...args)
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

async function find(workplace: Workplace, name: string): Promise<Listed | undefined> {
  const list = JSON.parse(await succeed(workplace, 'ps', '-a', '--json')) as Listed[]
  return list.find(container => container.name === name)
}

async function make(workplace: Workplace, verb: readonly string[], name: string, script: string): Promise<string> {
  const rootfs = join(workplace.directory, 'rootfs')
  return (await succeed(workplace, ...verb, '--name', name, '--rootfs', rootfs, 'sh', '-c', script)).trim()
}

async function removeAll(workplace: Workplace): Promise<void> {
  for (const id of (await succeed(workplace, 'ps', '-aq', '--no-trunc')).split('\n').filter(Boolean))
    await succeed(workplace, 'rm', '-f', id)
  const left = readdirSync(join(workplace.runRoot, 'containers'))
  assert.deepEqual(left, [])
}

/** A command whose input the test types. */
function begin(workplace: Workplace, ...args: string[]) {
  const child = spawn(utsuwaPath, workplace.argv(...args), { stdio: ['pipe', 'pipe', 'pipe'] })
  const output = { text: '', errors: '' }
  child.stdout.on('data', chunk => {
    output.text += chunk
  })
  child.stderr.on('data', chunk => {
    output.errors += chunk
  })
  return { child, output, ended: once(child, 'close') as Promise<[number | null]> }
}

test('a container is created, started, and started again with its files as it left them', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  const id = await make(workplace, ['create'], 'box', 'echo x >>/tmp/count; wc -l </tmp/count; exit 4')
  assert.equal((await find(workplace, 'box'))!.status, 'created')
  assert.match(await succeed(workplace, 'ps', '-a'), / Created /)
  assert.equal(await succeed(workplace, 'logs', 'box'), '')
  assert.equal(await succeed(workplace, 'start', 'box'), 'box\n')
  assert.equal((await succeed(workplace, 'wait', 'box')).trim(), '4')
  for (const count of ['2', '3']) {
    const { exitCode, stdout, stderr } = await workplace.utsuwa('start', '--attach', id.slice(0, 12))
    assert.deepEqual([exitCode, stdout.trim(), stderr], [4, count, ''])
  }
  assert.deepEqual((await succeed(workplace, 'logs', 'box')).split(/\s+/).filter(Boolean), ['1', '2', '3'])
  assert.equal((await find(workplace, 'box'))!.exitCode, 4)
  await removeAll(workplace)
})

test('one that ran in the foreground can be started in the background', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await workplace.utsuwa('run', '--name', 'first', '--rootfs', rootfs, 'sh', '-c', 'echo hello; exit 1')
  assert.match((await workplace.utsuwa('logs', 'first')).stderr, /it was run in the foreground/)
  const [{ Created, State }] = JSON.parse(await succeed(workplace, 'inspect', 'first')) as [
    { Created: string; State: { StartedAt: string; FinishedAt: string } },
  ]
  const times = [Created, State.StartedAt, State.FinishedAt]
  assert.deepEqual(times.toSorted(), times)
  await succeed(workplace, 'start', 'first')
  assert.equal((await succeed(workplace, 'wait', 'first')).trim(), '1')
  assert.equal(await succeed(workplace, 'logs', 'first'), 'hello\n')
  await removeAll(workplace)
})

test('a start that fails leaves the container as it was', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await succeed(workplace, 'create', '--name', 'box', '--rootfs', rootfs, '/bin/sh', '-c', 'exit 5')
  await succeed(workplace, 'start', 'box')
  await succeed(workplace, 'wait', 'box')
  await until('its end to be written down', async () => (await find(workplace, 'box'))!.exitCode === 5)
  await workplace.utsuwa('run', '--rm', '--rootfs', rootfs, 'sh', '-c', 'mv /bin/sh /bin/hidden')
  const failed = await workplace.utsuwa('start', 'box')
  assert.equal(failed.exitCode, 127)
  assert.equal((await find(workplace, 'box'))!.exitCode, 5)
  await removeAll(workplace)
})

test('restart stops and starts', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await make(workplace, ['run', '-d'], 'box', 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done')
  await until('its first line', async () => (await succeed(workplace, 'logs', 'box')) === 'up\n')
  assert.equal(await succeed(workplace, 'restart', 'box'), 'box\n')
  await until('its second line', async () => (await succeed(workplace, 'logs', 'box')) === 'up\nup\n')
  assert.equal((await find(workplace, 'box'))!.status, 'running')
  await removeAll(workplace)
})

test('who attaches sees what is printed from then on, types, and learns how it ends', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await make(
    workplace,
    ['run', '-di'],
    'echo',
    'while read -r line; do echo "got $line"; echo "$line" >&2; done; exit 6',
  )
  const first = begin(workplace, 'attach', 'echo')
  const second = begin(workplace, 'attach', '--no-stdin', 'echo')
  // Whoever types before both are connected is heard, but maybe not by both.
  await until('both', async () => {
    first.child.stdin.write('hello\n')
    return second.output.text.includes('got hello') && first.output.errors.includes('hello')
  })
  second.child.kill('SIGKILL')
  await second.ended
  first.child.stdin.write('again\n')
  await until('the answer', () => first.output.text.includes('got again'))
  // Others may still come: its input goes on when that of one ends.
  first.child.stdin.end()
  await succeed(workplace, 'kill', '-s', 'KILL', 'echo')
  assert.deepEqual(await first.ended, [137, null])
  assert.equal(await succeed(workplace, 'logs', 'echo'), first.output.text)
  await removeAll(workplace)
})

test('start -i passes input on up to its end, also where it is read late', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  for (const [name, script] of [
    ['count', 'wc -c; exit 2'],
    ['late', 'sleep 1; wc -c; exit 2'],
  ] as const) {
    await make(workplace, ['create', '-i'], name, script)
    const { child, output, ended } = begin(workplace, 'start', '-ai', name)
    child.stdin.end(Buffer.alloc(1_000_000, 'x'))
    assert.deepEqual(await ended, [2, null], output.errors)
    assert.equal(output.text.trim(), '1000000')
  }
  await removeAll(workplace)
})

test('a terminal is seen, resized, typed into, and left by its keys', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  const script = 'while read -r line; do stty size; echo "got $line"; done'
  await make(workplace, ['run', '-dit'], 'term', script)
  const words = [utsuwaPath, ...workplace.argv('attach', 'term')].map(word => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', `stty rows 33 cols 99; ${words}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  const ended = once(child, 'close') as Promise<[number]>
  await until('the answer in the size of our terminal', () => {
    child.stdin.write('word\n')
    return /33 99\s+got word/.test(output)
  })
  child.stdin.write('\x10\x11')
  assert.deepEqual((await ended)[0], 0, output)
  assert.equal((await find(workplace, 'term'))!.status, 'running')
  assert.match(await succeed(workplace, 'logs', 'term'), /33 99\r\ngot word\r\n/)
  await removeAll(workplace)
})

test('a client that does not read is left behind, and the container goes on', { timeout: 120_000 }, async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await make(workplace, ['run', '-di'], 'flood', 'read -r line; seq 1 1000000; echo done')
  const { child, output, ended } = begin(workplace, 'attach', 'flood')
  child.stdin.write('go\n')
  await until('the first output', () => output.text.length > 0)
  child.kill('SIGSTOP')
  assert.equal((await succeed(workplace, 'wait', 'flood')).trim(), '0')
  assert.equal(await succeed(workplace, 'logs', '--tail', '1', 'flood'), 'done\n')
  child.kill('SIGCONT')
  child.kill('SIGKILL')
  await ended
  await removeAll(workplace)
})

test('a log that was moved away is opened anew', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  const id = await make(workplace, ['run', '-di'], 'box', 'while read -r line; do echo "$line"; done')
  const { child, ended } = begin(workplace, 'attach', 'box')
  child.stdin.write('before\n')
  await until('its first line', async () => (await succeed(workplace, 'logs', 'box')) === 'before\n')
  const log = join(workplace.directory, 'store/containers', id, 'log/container.log')
  renameSync(log, `${log}-moved`)
  await reopenLog('box', { runRoot: workplace.runRoot })
  child.stdin.write('after\n')
  await until('its second line', async () => (await succeed(workplace, 'logs', 'box')) === 'after\n')
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F before\n$/
  assert.match(readFileSync(`${log}-moved`, 'utf8'), form)
  await succeed(workplace, 'rm', '-f', 'box')
  assert.deepEqual(await ended, [137, null])
  await removeAll(workplace)
})
