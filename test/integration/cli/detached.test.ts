/** `utsuwa run -d`: containers that outlive the command, their logs, and what is left when somebody is killed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeBusyboxRoot, openWorkplace, utsuwaPath, type Workplace } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

const KILLED_RUNS = Number(process.env.KILLED_RUNS ?? 8)
/** Longer than `run -d` takes here, so that the kill may come at any step of it, and after it. */
const KILL_WITHIN_MS = 800
const BIG_BYTES = Number(process.env.BIG_BYTES ?? 50_000_000)

interface Listed {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly exitCode?: number
  readonly lostMonitor: boolean
}

async function succeed(workplace: Workplace, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...args)
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

async function list(workplace: Workplace): Promise<Listed[]> {
  return JSON.parse(await succeed(workplace, 'ps', '-a', '--json')) as Listed[]
}

async function find(workplace: Workplace, name: string): Promise<Listed> {
  return (await list(workplace)).find(container => container.name === name)!
}

async function run(workplace: Workplace, name: string, script: string, ...flags: string[]): Promise<string> {
  const rootfs = join(workplace.directory, 'rootfs')
  return (
    await succeed(workplace, 'run', '-d', '--name', name, ...flags, '--rootfs', rootfs, 'sh', '-c', script)
  ).trim()
}

interface Monitored {
  readonly pid: number
  readonly monitor: { readonly pid: number }
}

function recordOf(workplace: Workplace, id: string): Monitored {
  return JSON.parse(readFileSync(join(workplace.runRoot, 'containers', id, 'state.json'), 'utf8')) as Monitored
}

async function removeAll(workplace: Workplace): Promise<void> {
  for (const { id } of await list(workplace)) await succeed(workplace, 'rm', '-f', id)
  const left = readdirSync(join(workplace.runRoot, 'containers'))
  assert.deepEqual(left, [])
  // The first one may have been killed before there was anything of a store.
  const snapshots = join(workplace.directory, 'store/containers')
  assert.deepEqual(existsSync(snapshots) ? readdirSync(snapshots) : [], [])
}

test('a detached container outlives the command, and keeps what it prints and how it ended', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  const script = 'echo out; echo err >&2; printf part; while test ! -e /tmp/go; do sleep 0.1; done; echo " end"; exit 3'
  const id = await run(workplace, 'box', script)
  assert.match(id, /^[0-9a-f]{64}$/)
  const { pid, monitor } = recordOf(workplace, id)
  assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), new RegExp(`^${pid} \\(.*\\) \\S ${monitor.pid} `))
  assert.match(readFileSync(`/proc/${monitor.pid}/cmdline`, 'utf8'), new RegExp(`^utsuwa-monitor ${id.slice(0, 8)}`))
  assert.match(await succeed(workplace, 'ps'), /Up /)
  const running = await until('its first lines', async () => {
    const outcome = await workplace.utsuwa('logs', 'box')
    return outcome.stderr === 'err\n' && outcome
  })
  assert.equal(running.stdout, 'out\n')
  assert.match((await workplace.utsuwa('rm', 'box')).stderr, /it is running/)

  await succeed(workplace, 'exec', 'box', 'touch', '/tmp/go')
  assert.equal((await succeed(workplace, 'wait', 'box')).trim(), '3')
  assert.match(await succeed(workplace, 'ps', '-a'), /Exited \(3\) .* ago/)
  assert.equal(await succeed(workplace, 'logs', 'box'), 'out\npart end\n')
  assert.match(
    await succeed(workplace, 'logs', '-t', '--tail', '1', 'box'),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z part end\n$/,
  )
  assert.equal(await succeed(workplace, 'logs', '--since', '2100-01-01', 'box'), '')
  assert.equal(await succeed(workplace, 'logs', '--until', '2001-01-01', 'box'), '')
  await until('the end of its monitor', () => !existsSync(`/proc/${monitor.pid}`))
  await succeed(workplace, 'rm', 'box')
  await removeAll(workplace)
})

test('with --rm it goes with its end, and one whose command is missing at once', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  await run(workplace, 'short', 'exit 0', '--rm')
  await until('its removal', async () => (await list(workplace)).length === 0)
  const missing = await workplace.utsuwa('run', '-d', '--rm', '--rootfs', rootfs, '/missing')
  assert.equal(missing.exitCode, 127)
  assert.deepEqual(await list(workplace), [])
  await removeAll(workplace)
})

test('logs -f tells everything in order, however often the file changes, in 50 MB', { timeout: 600_000 }, async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  // Begins when somebody follows: what is printed before, more than three files of it, may be gone.
  const script = `while test ! -e /tmp/go; do sleep 0.1; done; seq 1 100000000 | head -c ${BIG_BYTES}`
  const id = await run(workplace, 'big', script)
  using cgroup = limitedCgroup('50M')
  const enter = ['-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', cgroup.path, utsuwaPath]
  const follower = spawn('sh', [...enter, ...workplace.argv('logs', '-f', 'big')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const log = join(workplace.directory, 'store/containers', id, 'log/container.log')
  await until('the follower', () =>
    readdirSync(`/proc/${follower.pid}/fd`).some(fd => readLinkIfAny(`/proc/${follower.pid}/fd/${fd}`) === log),
  )
  await succeed(workplace, 'exec', 'big', 'touch', '/tmp/go')
  const got = createHash('sha256')
  let size = 0
  follower.stdout.on('data', (chunk: Buffer) => {
    got.update(chunk)
    size += chunk.length
  })
  const [status] = (await once(follower, 'close')) as [number]
  assert.equal(status, 0)
  assert.equal(size, BIG_BYTES)
  const wanted = spawn('sh', ['-c', `seq 1 100000000 | head -c ${BIG_BYTES} | sha256sum`])
  let sum = ''
  for await (const chunk of wanted.stdout) sum += chunk
  assert.equal(got.digest('hex'), sum.slice(0, 64))
  assert.ok(existsSync(`${log}.2`) && !existsSync(`${log}.3`))
  await removeAll(workplace)
})

/** All the memory that its processes may have: theirs, the kernel's for them, and what they read from files. */
function limitedCgroup(memory: string): Disposable & { readonly path: string } {
  const mount = '/sys/fs/cgroup'
  writeFileSync(join(mount, 'cgroup.subtree_control'), '+memory')
  const path = mkdtempSync(join(mount, 'logs-'))
  writeFileSync(join(path, 'memory.max'), memory)
  writeFileSync(join(path, 'memory.swap.max'), '0')
  return { path, [Symbol.dispose]: () => rmdirSync(path) }
}

function readLinkIfAny(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // closed meanwhile
  }
}

test('who is killed while it starts one leaves what ps, logs and rm can deal with', { timeout: 600_000 }, async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  for (let count = 0; count < KILLED_RUNS; count++) {
    const words = workplace.argv('run', '-d', '--rootfs', rootfs, 'sh', '-c', 'echo ready; sleep 1000')
    const child = spawn(utsuwaPath, words, { stdio: 'ignore' })
    const ended = once(child, 'exit')
    await sleep(Math.random() * KILL_WITHIN_MS)
    child.kill('SIGKILL')
    await ended
    for (const { id, status } of await list(workplace)) {
      if (status === 'running') {
        await until('its output', async () => (await succeed(workplace, 'logs', id)) === 'ready\n')
        await succeed(workplace, 'stop', '-t', '0', id)
      }
      await succeed(workplace, 'rm', '-f', id)
    }
  }
  // What was killed before it was a container goes when the next one is made.
  await succeed(workplace, 'run', '--rm', '--rootfs', rootfs, 'true')
  await removeAll(workplace)
  await until('the end of all cgroups', () => readdirSync('/sys/fs/cgroup/utsuwa').every(name => name.includes('.')))
})

test('ps says when a monitor was killed, and rm cleans up', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  const id = await run(workplace, 'lost', 'echo before; sleep 1000')
  const { pid, monitor } = recordOf(workplace, id)
  await until('its output', async () => (await succeed(workplace, 'logs', 'lost')) === 'before\n')
  process.kill(monitor.pid, 'SIGKILL')
  await until('the end of the monitor', async () => (await find(workplace, 'lost')).lostMonitor)
  assert.match(await succeed(workplace, 'ps'), /Up .* \(lost its monitor\)/)
  assert.equal(await succeed(workplace, 'logs', '-f', 'lost'), 'before\n')
  process.kill(pid, 'SIGKILL')
  await until('its end', async () => (await find(workplace, 'lost')).status === 'stopped')
  assert.match(await succeed(workplace, 'ps', '-a'), /Exited \(unknown\) \(lost its monitor\)/)
  await succeed(workplace, 'rm', 'lost')
  await removeAll(workplace)
})
