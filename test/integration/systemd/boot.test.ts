/** utsuwa.service, installed as by a person: containers start and stop with the machine. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { loseAtBoot } from '../../support/boot.ts'
import { execute, makeBusyboxRoot } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'
import { systemctl } from './support.ts'

/** The unit has the default roots. */
const STORE = '/var/lib/utsuwa'
const RUN = '/run/utsuwa'
const skip = (existsSync(STORE) || existsSync(RUN)) && `utsuwa is in use on this machine: ${STORE}, ${RUN}`

/** Says how often it ran, and that it was asked to end. */
const SCRIPT = 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.1; done'

const directory = mkdtempSync(join(tmpdir(), 'utsuwa-boot-'))
const prefix = join(directory, 'prefix')
const unitFile = join(prefix, 'lib/systemd/system/utsuwa.service')
const extra = join(directory, 'extra')

async function utsuwa(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await execute(join(prefix, 'bin/utsuwa'), args)
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

async function run(name: string, policy: string, ...flags: string[]): Promise<void> {
  await utsuwa(
    'run',
    '-d',
    '--network',
    'none',
    '--restart',
    policy,
    '--name',
    name,
    ...flags,
    'box',
    'sh',
    '-c',
    SCRIPT,
  )
}

interface Listed {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly pid: number
}

const list = async (): Promise<Listed[]> => JSON.parse(await utsuwa('ps', '-a', '--json'))

const statuses = async (): Promise<Record<string, string>> =>
  Object.fromEntries((await list()).map(({ name, status }) => [name, status]))

const show = (property: string): string => systemctl('show', '--value', '--property', property, 'utsuwa')

const journal = (...flags: string[]): string =>
  execFileSync('journalctl', ['--unit', 'utsuwa', '--output', 'cat', '--quiet', ...flags], { encoding: 'utf8' })

before(async () => {
  if (skip) return
  execFileSync('make', ['install', `PREFIX=${prefix}`], { cwd: resolve(import.meta.dirname, '../../..') })
  // A store of the test's own, where there may be an overlay.
  for (const path of [STORE, join(directory, 'store'), extra]) mkdirSync(path)
  execFileSync('mount', ['--bind', join(directory, 'store'), STORE])
  const archive = join(directory, 'box.tar')
  execFileSync('tar', ['-cf', archive, '-C', makeBusyboxRoot(directory), '.'])
  await utsuwa('import', archive, 'box')
})

after(async () => {
  if (!skip) {
    systemctl('disable', '--runtime', '--now', 'utsuwa')
    await utsuwa('rm', '-f', '--all')
    execFileSync('umount', [STORE])
    for (const path of [STORE, RUN]) rmSync(path, { recursive: true })
  }
  rmSync(directory, { recursive: true })
})

test('after a boot it starts those that want to be, and tells the journal which does not', { skip }, async () => {
  execFileSync('systemd-analyze', ['verify', '--man=no', unitFile], { stdio: ['ignore', 'ignore', 'inherit'] })
  systemctl('enable', '--quiet', '--runtime', unitFile)
  assert.equal(systemctl('is-enabled', 'utsuwa'), 'enabled-runtime')
  assert.ok(
    existsSync(join(prefix, 'share/man/man1', /man:(.*)\((1)\)/.exec(show('Documentation'))!.slice(1).join('.'))),
  )

  await run('always', 'always')
  await run('unless', 'unless-stopped')
  await run('stopped', 'unless-stopped')
  await run('no', 'no')
  await run('broken', 'always', '-v', `${extra}:/extra`)
  await utsuwa('stop', 'stopped')
  await loseAtBoot(RUN)
  rmSync(extra, { recursive: true })

  systemctl('start', 'utsuwa')
  assert.deepEqual([show('ActiveState'), show('Result')], ['active', 'success'])
  assert.deepEqual(await statuses(), { always: 'running', unless: 'running', stopped: 'stopped', broken: 'stopped' })
  await until('the list of those that start', () => journal().includes('\nunless\n'))
  assert.match(journal(), /^always$/m)
  assert.match(journal('--priority', 'err'), /^utsuwa: container broken does not start: .*ENOENT.*\n$/)
  assert.match(await utsuwa('why', 'broken'), /ENOENT/)
  await utsuwa('rm', 'broken')

  // Nothing of them is in the unit: systemd removes the cgroup of one in which no process is left.
  assert.equal(show('ControlGroup'), '')
  for (const { id, pid } of (await list()).filter(({ pid }) => pid !== 0))
    assert.equal(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), `0::/utsuwa/${id}\n`)
})

test('with it stop all in the background, in their grace period, and start those that do so at boot', {
  skip,
}, async () => {
  await run('no', 'no', '--rm')
  await utsuwa('run', '-d', '--network', 'none', '--restart', 'always', '--name', 'again', 'box', 'echo', 'x')
  await until('its wait for a restart', async () => (await statuses()).again === 'restarting')
  systemctl('stop', 'utsuwa')
  assert.equal(show('ActiveState'), 'inactive')
  assert.deepEqual(await statuses(), { always: 'stopped', unless: 'stopped', stopped: 'stopped', again: 'stopped' })
  assert.equal(await utsuwa('logs', 'unless'), 'up\nup\nbye\n')
  systemctl('start', 'utsuwa')
  const { again: _, ...others } = await statuses()
  assert.deepEqual(others, { always: 'running', unless: 'running', stopped: 'stopped' })
  // Between two runs it is neither for a moment.
  await until('its next run', async () => (await statuses()).again !== 'stopped')
  await utsuwa('rm', '-f', 'again')
  await utsuwa('stop', 'unless')
  systemctl('restart', 'utsuwa')
  assert.deepEqual(await statuses(), { always: 'running', unless: 'stopped', stopped: 'stopped' })
})

test('what was started in a session outlives its end', { skip }, async () => {
  const script = `${prefix}/bin/utsuwa run -d --network none --name kept box sh -c '${SCRIPT}' && exec sleep 1000`
  const session = spawn('systemd-run', ['--scope', '--unit=utsuwatest-session', '--quiet', 'sh', '-c', script], {
    stdio: 'ignore',
  })
  await until('the container', async () => (await statuses()).kept === 'running')
  const ended = once(session, 'exit')
  systemctl('stop', 'utsuwatest-session.scope')
  await ended
  await utsuwa('stop', 'kept')
  assert.equal(await utsuwa('logs', 'kept'), 'up\nbye\n')
})
