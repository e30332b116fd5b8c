/** Restart policies: when the monitor starts a container again, and when it does not. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { constants, sys } from '../../../src/sys/index.ts'
import { loseAtBoot } from '../../support/boot.ts'
import { makeBusyboxRoot, openWorkplace, type Workplace } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

interface Inspected {
  readonly State: { readonly Status: string; readonly ExitCode: number | null }
  readonly RestartCount: number
  readonly HostConfig: { readonly Memory: number }
}

async function succeed(workplace: Workplace, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...args)
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

async function inspect(workplace: Workplace, name: string): Promise<Inspected> {
  return (JSON.parse(await succeed(workplace, 'inspect', name)) as Inspected[])[0]!
}

async function run(workplace: Workplace, name: string, policy: string, script: string): Promise<void> {
  const rootfs = join(workplace.directory, 'rootfs')
  await succeed(workplace, 'run', '-d', '--restart', policy, '--name', name, '--rootfs', rootfs, 'sh', '-c', script)
}

const statusOf = async (workplace: Workplace, name: string): Promise<string> =>
  (await inspect(workplace, name)).State.Status

const startRoot = (workplace: Workplace): string => join(workplace.directory, 'rootfs')

/** Takes away what each start needs, so that it fails until it is given back. */
const breakStart = (workplace: Workplace): void => renameSync(startRoot(workplace), `${startRoot(workplace)}.away`)
const mendStart = (workplace: Workplace): void => renameSync(`${startRoot(workplace)}.away`, startRoot(workplace))

async function failedRestarts(workplace: Workplace, name: string): Promise<number> {
  const why = JSON.parse(await succeed(workplace, 'why', '--json', name)) as { readonly summary: string }
  return Number(/attempt (\d+) failed/.exec(why.summary)?.[1] ?? 0)
}

/** PIDs of the processes whose command lines have a text in them. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
      } catch {
        return false
      }
    })
    .map(Number)
}

interface Listed {
  readonly name: string
  readonly status: string
}

async function list(workplace: Workplace): Promise<Listed[]> {
  return JSON.parse(await succeed(workplace, 'ps', '-a', '--json')) as Listed[]
}

const lines = async (workplace: Workplace, name: string): Promise<number> =>
  (await succeed(workplace, 'logs', name)).split('\n').length - 1

async function removeAll(workplace: Workplace): Promise<void> {
  await succeed(workplace, 'rm', '-f', '--all')
  const left = readdirSync(join(workplace.runRoot, 'containers'))
  assert.deepEqual(left, [])
}

test('on-failure:2 starts it twice more, and not when it succeeds', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'fails', 'on-failure:2', 'echo x; exit 3')
  await run(workplace, 'works', 'on-failure', 'echo x; exit 0')
  await until('its last end', async () => {
    const { State, RestartCount } = await inspect(workplace, 'fails')
    return State.Status === 'exited' && RestartCount === 2
  })
  assert.equal(await lines(workplace, 'fails'), 3)
  assert.equal((await inspect(workplace, 'fails')).State.ExitCode, 3)
  await until('its end', async () => (await inspect(workplace, 'works')).State.Status === 'exited')
  assert.equal(await lines(workplace, 'works'), 1)
  await removeAll(workplace)
})

test('always starts it again and again, until it is stopped', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'again', 'always', 'echo x')
  await until('its second restart', async () => (await lines(workplace, 'again')) >= 3)
  assert.match(await succeed(workplace, 'ps', '-a'), /Restarting \(0\)|Up |Exited \(0\)|Created/)
  await succeed(workplace, 'stop', 'again')
  await until('its end', async () => (await inspect(workplace, 'again')).State.Status === 'exited')
  const before = await lines(workplace, 'again')
  // The next restart would have come within a second.
  await new Promise(resolve => setTimeout(resolve, 2500))
  assert.equal(await lines(workplace, 'again'), before)
  assert.equal((await inspect(workplace, 'again')).State.Status, 'exited')
  await succeed(workplace, 'start', 'again')
  await until('restarts once more', async () => (await lines(workplace, 'again')) >= before + 2)
  await removeAll(workplace)
})

test('one that is stopped while it runs, or killed, stays stopped', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  for (const verb of ['stop', 'kill']) {
    await run(workplace, verb, 'unless-stopped', 'echo x; trap "exit 1" TERM; while :; do sleep 0.1; done')
    await until('its first line', async () => (await lines(workplace, verb)) === 1)
    await succeed(workplace, verb, verb)
    await until('its end', async () => (await inspect(workplace, verb)).State.Status === 'exited')
    await new Promise(resolve => setTimeout(resolve, 1000))
    assert.equal(await lines(workplace, verb), 1)
  }
  await removeAll(workplace)
})

test('after a boot those are started that want to be, under their names, and others are known', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  const script = 'echo x >>/tmp/$0; wc -l </tmp/$0; while :; do sleep 0.1; done'
  for (const [name, policy] of [
    ['always', 'always'],
    ['unless', 'unless-stopped'],
    ['stopped', 'unless-stopped'],
    ['no', 'no'],
  ] as const)
    await run(workplace, name, policy, script.replaceAll('$0', name))
  await succeed(workplace, 'stop', '-t', '0', 'stopped')
  await succeed(workplace, 'update', '--memory', '64m', 'unless')
  await succeed(workplace, 'rename', 'unless', 'renamed')
  await loseAtBoot(workplace.runRoot)
  await succeed(workplace, 'prune', '-f')

  assert.equal(await succeed(workplace, 'start-at-boot'), 'always\nrenamed\n')
  const status = Object.fromEntries((await list(workplace)).map(container => [container.name, container.status]))
  assert.deepEqual(status, { always: 'running', renamed: 'running', stopped: 'stopped' })
  for (const name of ['always', 'renamed'])
    await until('its second line', async () => (await succeed(workplace, 'logs', name)) === '1\n2\n')
  assert.equal((await inspect(workplace, 'renamed')).HostConfig.Memory, 64 * 1024 ** 2)
  assert.equal(await succeed(workplace, 'start-at-boot'), '')
  await succeed(workplace, 'start', 'stopped')
  await until('its second line', async () => (await succeed(workplace, 'logs', 'stopped')) === '1\n2\n')
  await removeAll(workplace)
  assert.deepEqual(
    readdirSync(join(workplace.directory, 'store/containers')).filter(id =>
      existsSync(join(workplace.directory, 'store/containers', id, 'container.json')),
    ),
    [],
  )
})

test('a restart that fails is tried again, until it works, and what it fails of is told meanwhile', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'back', 'always', 'echo x; sleep 1')
  breakStart(workplace)
  await until('its second failed restart', async () => (await failedRestarts(workplace, 'back')) >= 2)
  assert.equal(await statusOf(workplace, 'back'), 'restarting')
  assert.match(await succeed(workplace, 'ps'), /Restarting \(0\)/)
  assert.match(await succeed(workplace, 'why', '--json', 'back'), /is restarting: attempt \d+ failed: .*rootfs/)
  assert.match(await succeed(workplace, 'inspect', 'back'), /"Error": "bind root file system/)
  assert.equal(await lines(workplace, 'back'), 1)
  mendStart(workplace)
  await until('its second run', async () => (await lines(workplace, 'back')) >= 2)
  assert.ok((await inspect(workplace, 'back')).RestartCount >= 3)
  await removeAll(workplace)
})

test('on-failure:2 gives up after two restarts that failed', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'fails', 'on-failure:2', 'echo x; sleep 1; exit 3')
  breakStart(workplace)
  await until('its end', async () => (await statusOf(workplace, 'fails')) === 'exited')
  assert.equal(await failedRestarts(workplace, 'fails'), 2)
  assert.equal((await inspect(workplace, 'fails')).State.ExitCode, 3)
  mendStart(workplace)
  await removeAll(workplace)
})

test('a restart that fails is tried no more when it is stopped or removed, and its monitor ends at once', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  for (const verb of [['stop'], ['rm', '-f']]) {
    await run(workplace, 'ends', 'always', 'echo x; sleep 1')
    const { Id } = (JSON.parse(await succeed(workplace, 'inspect', 'ends')) as { Id: string }[])[0]!
    breakStart(workplace)
    await until('its fifth failed restart', async () => (await failedRestarts(workplace, 'ends')) >= 5)
    // The next one would be tried 3.2 s after the last.
    await succeed(workplace, ...verb, 'ends')
    const begin = Date.now()
    await until('the end of its monitor', () => processesWith(Id.slice(0, 12)).length === 0)
    assert.ok(Date.now() - begin < 2000, `${verb[0]}: ${Date.now() - begin} ms`)
    mendStart(workplace)
    if (verb[0] === 'rm') continue
    assert.equal(await statusOf(workplace, 'ends'), 'exited')
    assert.equal(await lines(workplace, 'ends'), 1)
    await succeed(workplace, 'rm', 'ends')
  }
  await removeAll(workplace)
})

test('a restart whose process is killed is tried again', async () => {
  using workplace = openWorkplace()
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'killed', 'always', 'echo x; sleep 2')
  const { Id } = (JSON.parse(await succeed(workplace, 'inspect', 'killed')) as { Id: string }[])[0]!
  const fd = openSync(join(workplace.runRoot, 'containers', Id), constants.O_DIRECTORY)
  await until('its lock', () => sys.flock(fd, constants.LOCK_EX | constants.LOCK_NB))
  const pid = await until('its restart', () => processesWith(`container-ended\0${Id}`)[0])
  process.kill(pid, 'SIGKILL')
  closeSync(fd)
  await until('its second run', async () => (await lines(workplace, 'killed')) >= 2)
  await removeAll(workplace)
})

test('flags that make no sense together are refused', async () => {
  using workplace = openWorkplace()
  const rootfs = makeBusyboxRoot(workplace.directory)
  const refused = async (...flags: string[]): Promise<string> => {
    const { exitCode, stderr } = await workplace.utsuwa('run', ...flags, '--rootfs', rootfs, 'true')
    assert.equal(exitCode, 125)
    return stderr
  }
  assert.match(await refused('-d', '--rm', '--restart', 'always'), /exclude each other/)
  assert.match(await refused('--restart', 'always'), /in the background/)
  assert.match(await refused('-d', '--restart', 'sometimes'), /on-failure\[:N\]/)
  assert.match(await refused('-d', '--log-opt', 'max-sizes=1'), /unknown log option/)
})
