/** `ps`, `events` and `features`: what a runtime tells of a container, and of itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { isOurs, Playground, RUNTIME } from './runtime.ts'

interface StatsEvent {
  readonly type: string
  readonly id: string
  readonly data: {
    readonly cpu: { readonly usage: { readonly total?: number; readonly kernel: number; readonly user: number } }
    readonly memory: { readonly usage: { readonly limit: number; readonly usage: number }; readonly raw: object }
    readonly pids: { readonly current: number; readonly limit: number }
    readonly blkio: object
    readonly hugetlb: object
  }
}

test('ps: a table with the columns that ps was asked for, or numbers', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'])
  const id = await ground.create()
  await ground.succeed(['start', id])
  const { pid } = await ground.state(id)
  const { stdout } = await ground.succeed(['ps', id, '-o', 'pid,args'])
  assert.match(stdout, new RegExp(`^ *PID COMMAND\\n *${pid} sleep 1000\\n$`))
  assert.deepEqual(JSON.parse((await ground.succeed(['ps', '-f', 'json', id])).stdout), [pid])
  assert.notEqual((await ground.call(['ps', '-f', 'xml', id])).status, 0)
})

test('events --stats: one document, in the units that engines expect', async t => {
  const ground = new Playground(t)
  ground.configure(['sleep', '1000'], spec => {
    spec.linux!.resources = { ...spec.linux!.resources, memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 17 } }
  })
  const id = await ground.create()
  const { type, id: of, data } = JSON.parse((await ground.succeed(['events', '--stats', id])).stdout) as StatsEvent
  assert.deepEqual([type, of], ['stats', id])
  assert.equal(data.pids.limit, 17)
  if (isOurs) assert.equal(data.pids.current, 1) // runc's init has threads
  assert.equal(data.memory.usage.limit, 64 * 1024 * 1024)
  assert.ok(data.memory.usage.usage > 0 && Object.keys(data.memory.raw).includes('anon'))
  // Runtimes leave out a total of 0, which User Mode Linux says of a start that was quick.
  assert.ok((data.cpu.usage.total ?? 0) >= data.cpu.usage.user, 'nanoseconds of both')
  assert.deepEqual(
    Object.keys(data).filter(name => name === 'blkio' || name === 'hugetlb'),
    ['blkio', 'hugetlb'],
  )
})

test('events: statistics at each interval, every OOM kill, and an end with the container', async t => {
  const ground = new Playground(t)
  // The second process grows until the kernel kills it; the first goes on.
  ground.configure(['sh', '-c', '(x=a; while :; do x=$x$x; done); sleep 2'], spec => {
    spec.linux!.resources = { ...spec.linux!.resources, memory: { limit: 16 * 1024 * 1024, swap: 16 * 1024 * 1024 } }
  })
  const id = await ground.create()
  const events = spawn(RUNTIME, ['--root', ground.stateRoot, 'events', '--interval', '200ms', id], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(events, 'exit')
  let output = ''
  events.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  await once(events.stdout, 'data') // it watches now
  await ground.succeed(['start', id])
  const [status] = await ended
  const types = output
    .trim()
    .split('\n')
    .map(line => (JSON.parse(line) as StatsEvent).type)
  assert.ok(types.includes('stats') && types.includes('oom'), output)
  if (isOurs) assert.equal(status, 0)
})

test('features: what the specification wants to know', async t => {
  const ground = new Playground(t)
  const document = JSON.parse((await ground.succeed(['features'])).stdout)
  assert.equal(document.ociVersionMin, '1.0.0')
  for (const hook of ['createRuntime', 'poststop']) assert.ok(document.hooks.includes(hook))
  for (const option of ['ro', 'rro', 'rbind', 'rslave', 'nosymfollow', 'tmpcopyup'])
    assert.ok(document.mountOptions.includes(option), option)
  const { namespaces, capabilities, cgroup, seccomp } = document.linux
  assert.ok(namespaces.includes('cgroup') && capabilities.includes('CAP_BPF') && cgroup.v2)
  for (const name of ['SCMP_ACT_NOTIFY', 'SCMP_ACT_LOG']) assert.ok(seccomp.actions.includes(name))
  assert.ok(seccomp.operators.includes('SCMP_CMP_MASKED_EQ') && seccomp.archs.includes('SCMP_ARCH_X86_64'))
})
