/** Commands that only look at containers: stats, events, ps with filters, info. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { makeBusyboxRoot, openWorkplace, runBeside, utsuwaPath } from '../../support/command-line.ts'

const BUSY = ['sh', '-c', 'echo ready; while :; do :; done']
const IDLE = ['sh', '-c', 'echo ready; while :; do sleep 1000; done']

interface Use {
  readonly name: string
  readonly cpuPercent: number
  readonly networkReceivedBytes: number
}

test('stats tells of each container what it uses, once or again and again', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using _busy = await runBeside(workplace, 'busy', '--rootfs', rootfs, ...BUSY)
  await using _idle = await runBeside(workplace, 'idle', '--rootfs', rootfs, ...IDLE)
  const { stdout } = await workplace.utsuwa('stats', '--no-stream', '--json')
  const uses = new Map((JSON.parse(stdout) as Use[]).map(use => [use.name, use]))
  assert.ok(uses.get('busy')!.cpuPercent > uses.get('idle')!.cpuPercent, stdout)
  assert.equal(uses.get('idle')!.networkReceivedBytes, 0)
  assert.match(
    (await workplace.utsuwa('stats', '--no-stream', 'idle')).stdout,
    /^CONTAINER ID .* PIDS\n[0-9a-f]{12} +idle .*\n$/,
  )
  const child = spawn(utsuwaPath, workplace.argv('stats', '--interval', '0.1', 'idle'), {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for (let prints = 0; prints < 3; ) {
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    prints += chunk.toString().match(/^CONTAINER/gm)?.length ?? 0
    // Nothing that steers a terminal goes to a pipe.
    assert.ok(!chunk.includes('\u001B'))
  }
  child.kill()
  await once(child, 'exit')
  assert.match(
    (await workplace.utsuwa('stats', '--no-stream', 'nobody')).stderr,
    /no container has the name or id "nobody"/,
  )
})

test('events tells the life of a container as it goes on, and afterwards', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const follower = spawn(
    utsuwaPath,
    workplace.argv('events', '--since', '1h', '--format', 'json', '-f', 'label=kind=test'),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const followed = text(follower.stdout)
  let seen = ''
  follower.stdout.on('data', chunk => {
    seen += chunk
    if (seen.includes('"destroy"')) follower.kill()
  })
  await workplace.utsuwa('run', '--name', 'other', '--rootfs', rootfs, 'true')
  await workplace.utsuwa('run', '--rm', '--name', 'box', '-l', 'kind=test', '--rootfs', rootfs, 'sh', '-c', 'exit 3')
  const types = (output: string): string[] =>
    output.split('\n').flatMap(line => (line === '' ? [] : (JSON.parse(line) as { type: string }).type))
  assert.deepEqual(types(await followed), ['create', 'start', 'die', 'destroy'])
  const { stdout } = await workplace.utsuwa(
    'events',
    '--since',
    '1h',
    '--until',
    '0s',
    '-f',
    'container=box',
    '-f',
    'event=die',
  )
  assert.match(stdout, /^\S+Z container die [0-9a-f]{64} \(kind=test, exitCode=3, name=box\)\n$/)
  assert.match((await workplace.utsuwa('events', '-f', 'x=y')).stderr, /hint: the filters are event=…/)
  assert.match((await workplace.utsuwa('events', '--since', 'yesterday')).stderr, /10m for that long ago/)
})

test('ps chooses by filters', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using _box = await runBeside(workplace, 'alive', '-l', 'tier=web', '--rootfs', rootfs, ...IDLE)
  for (const [name, status] of [
    ['first', '0'],
    ['second', '4'],
  ] as const)
    await workplace.utsuwa('run', '--name', name, '--rootfs', rootfs, 'sh', '-c', `exit ${status}`)
  const names = async (...flags: string[]): Promise<string> => {
    const { stdout } = await workplace.utsuwa('ps', '--json', ...flags)
    return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name).join(' ')
  }
  assert.equal(await names(), 'alive')
  assert.equal(await names('-a'), 'second first alive')
  assert.equal(await names('-l'), 'second')
  assert.equal(await names('-n', '2'), 'second first')
  assert.equal(await names('-f', 'status=exited'), 'second first')
  assert.equal(await names('-f', 'exited=4'), 'second')
  assert.equal(await names('-f', 'label=tier=web'), 'alive')
  assert.equal(await names('-a', '-f', 'name=^(first|alive)$'), 'first alive')
  assert.equal(await names('-a', '-f', 'since=first'), 'second')
  assert.equal(await names('-a', '-f', 'ancestor=alpine'), '')
})

test('info and version print what programs can read too', async () => {
  using workplace = openWorkplace()
  const info = JSON.parse((await workplace.utsuwa('info', '--json')).stdout)
  assert.deepEqual([info.containers, info.images, info.runRoot], [0, 0, workplace.runRoot])
  assert.match((await workplace.utsuwa('info')).stdout, /^kernel +\d/m)
  assert.equal(JSON.parse((await workplace.utsuwa('version', '--json')).stdout).utsuwa, info.version)
})
