/** Commands on a container whose monitor was killed: none of them waits for what the monitor would have written. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeBusyboxRoot, openWorkplace, utsuwaPath } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

/** Far below the ten seconds that a monitor is given; far above what a command takes on a busy machine. */
const LIMIT_MS = 5000

const workplace = openWorkplace()
after(() => workplace[Symbol.dispose]())
const rootfs = makeBusyboxRoot(workplace.directory)

interface Recorded {
  readonly pid: number
  readonly monitor: { readonly pid: number }
}

async function runWithoutMonitor(name: string): Promise<Recorded> {
  const { stdout, stderr } = await workplace.utsuwa(
    ...['run', '-d', '--name', name, '--rootfs', rootfs, 'sleep', '1000'],
  )
  const id = stdout.trim()
  assert.notEqual(id, '', stderr)
  const path = join(workplace.runRoot, 'containers', id, 'state.json')
  const record = JSON.parse(readFileSync(path, 'utf8')) as Recorded
  process.kill(record.monitor.pid, 'SIGKILL')
  await until('the end of the monitor', async () => {
    const { stdout } = await workplace.utsuwa('ps', '-a', '--json')
    return (JSON.parse(stdout) as { id: string; lostMonitor: boolean }[]).some(
      each => each.id === id && each.lostMonitor,
    )
  })
  return record
}

async function within(limit: number, ...args: string[]) {
  const started = performance.now()
  const result = await workplace.utsuwa(...args)
  const took = performance.now() - started
  assert.ok(took < limit, `${args.join(' ')} took ${Math.round(took)} ms`)
  return result
}

for (const command of [['stop', '-t', '0'], ['restart', '-t', '0'], ['kill'], ['rm', '-f']])
  test(`${command.join(' ')} is done with it at once`, async () => {
    const name = command.join('').replaceAll('-', '')
    await runWithoutMonitor(name)
    const { exitCode, stderr } = await within(LIMIT_MS, ...command, name)
    assert.equal(exitCode, 0, stderr)
    await within(LIMIT_MS, 'rm', '-f', name)
  })

/** Waits for a container, and kills a process meanwhile. */
async function assertWaitEnds(name: string, pid: number): Promise<void> {
  const waiting = spawn(utsuwaPath, workplace.argv('wait', name), { stdio: 'ignore' })
  await sleep(1500) // it waits for the end of the process by then
  const started = performance.now()
  process.kill(pid, 'SIGKILL')
  const [exitCode] = (await once(waiting, 'close')) as [number | null]
  assert.ok(performance.now() - started < LIMIT_MS, 'it waited for a process that was not there')
  assert.equal(exitCode, 125)
}

test('wait says at once that nobody knows how it ended', async () => {
  const { pid } = await runWithoutMonitor('awaited')
  await assertWaitEnds('awaited', pid)
  const late = await within(LIMIT_MS, 'wait', 'awaited')
  assert.match(late.stderr, /its exit status is not known/)
  await within(LIMIT_MS, 'why', 'awaited')
  const attached = await within(LIMIT_MS, 'attach', 'awaited')
  assert.notEqual(attached.exitCode, 0)
  await within(LIMIT_MS, 'rm', 'awaited')
})

test('nor does it wait for a command that was killed while it ran the container in the foreground', async () => {
  const args = workplace.argv('run', '--name', 'front', '--rootfs', rootfs, 'sh', '-c', 'echo ready; sleep 1000')
  const running = spawn(utsuwaPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(running.stdout, 'data')
  await assertWaitEnds('front', running.pid!)
  await within(LIMIT_MS, 'rm', '-f', 'front')
})

test('attach to one that runs says that its monitor is gone', async () => {
  await runWithoutMonitor('attached')
  assert.match((await within(LIMIT_MS, 'attach', 'attached')).stderr, /its monitor is gone/)
  await within(LIMIT_MS, 'rm', '-f', 'attached')
})
