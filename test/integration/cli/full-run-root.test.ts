/** A run root without room: containers end, and what is known of their ends is kept; messages say what could not be written. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isErrno } from '../../../src/util/errno.ts'
import { makeBusyboxRoot, openWorkplace, runBeside, type Workplace } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

interface SmallRunRoot extends Disposable {
  fill(): void
  makeRoom(): void
}

/** Gives a workplace a run root of its own file system, in memory as /run is. */
function mountRunRoot({ runRoot }: Workplace): SmallRunRoot {
  mkdirSync(runRoot, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=711', 'tmpfs', runRoot])
  const filler = join(runRoot, 'filler')
  return {
    fill: () => writeUntilFull(filler),
    makeRoom: () => rmSync(filler),
    [Symbol.dispose]: () => execFileSync('umount', ['-l', runRoot]),
  }
}

function writeUntilFull(path: string): void {
  const fd = openSync(path, 'a')
  try {
    for (const page = Buffer.alloc(4096, 1); ; ) writeSync(fd, page)
  } catch (error) {
    if (!isErrno(error, 'ENOSPC')) throw error
  } finally {
    closeSync(fd)
  }
}

async function succeed(workplace: Workplace, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workplace.utsuwa(...args)
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

async function run(workplace: Workplace, name: string, script: string, ...flags: string[]): Promise<void> {
  const rootfs = join(workplace.directory, 'rootfs')
  await succeed(workplace, 'run', '-d', ...flags, '--name', name, '--rootfs', rootfs, 'sh', '-c', script)
}

interface Inspected {
  readonly State: { readonly Status: string; readonly ExitCode: number | null }
}

async function stateOf(workplace: Workplace, name: string): Promise<Inspected['State']> {
  return (JSON.parse(await succeed(workplace, 'inspect', name)) as Inspected[])[0]!.State
}

test('the exit status of a container that ends on a full run root is kept', async () => {
  using workplace = openWorkplace()
  using runRoot = mountRunRoot(workplace)
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'full', 'sleep 1; exit 7')
  runRoot.fill()
  await until('its end', async () => (await stateOf(workplace, 'full')).Status === 'exited')
  assert.equal((await stateOf(workplace, 'full')).ExitCode, 7)
  assert.equal(await succeed(workplace, 'wait', 'full'), '7\n')
  assert.match(await succeed(workplace, 'ps', '-a'), /Exited \(7\)/)
  assert.match(await succeed(workplace, 'why', 'full'), /status 7/)
  await succeed(workplace, 'rm', 'full')
})

test('the exit status of a container in the foreground that ends on a full run root is kept', async () => {
  using workplace = openWorkplace()
  using runRoot = mountRunRoot(workplace)
  const rootfs = makeBusyboxRoot(workplace.directory)
  await using beside = await runBeside(workplace, 'full', '--rootfs', rootfs, 'sh', '-c', 'echo ready; sleep 1; exit 7')
  runRoot.fill()
  const { exitCode, stderr } = await beside.ended
  assert.deepEqual([exitCode, stderr], [7, ''])
  assert.equal((await stateOf(workplace, 'full')).ExitCode, 7)
})

test('a container is stopped on a full run root without a wait for what cannot be written', async () => {
  using workplace = openWorkplace()
  using runRoot = mountRunRoot(workplace)
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'full', 'while :; do sleep 0.1; done')
  runRoot.fill()
  const begin = Date.now()
  await succeed(workplace, 'stop', '-t', '0', 'full')
  assert.ok(Date.now() - begin < 5000, `${Date.now() - begin} ms`)
  assert.equal((await stateOf(workplace, 'full')).ExitCode, 137)
  await succeed(workplace, 'rm', 'full')
})

test('a restart on a full run root comes about when there is room again', async () => {
  using workplace = openWorkplace()
  using runRoot = mountRunRoot(workplace)
  makeBusyboxRoot(workplace.directory)
  await run(workplace, 'again', 'echo x; sleep 1', '--restart', 'always')
  runRoot.fill()
  await until('its end', async () => (await stateOf(workplace, 'again')).Status === 'restarting')
  await until('its second failed restart', async () =>
    /attempt [2-9] failed: write .*ENOSPC/.test(await succeed(workplace, 'why', '--json', 'again')),
  )
  runRoot.makeRoom()
  await until('its second line', async () => (await succeed(workplace, 'logs', 'again')).split('\n').length > 2)
  await succeed(workplace, 'rm', '-f', 'again')
})

test('what cannot be written is named', async () => {
  using workplace = openWorkplace()
  using runRoot = mountRunRoot(workplace)
  const rootfs = makeBusyboxRoot(workplace.directory)
  await run(workplace, 'first', 'true')
  runRoot.fill()
  const { exitCode, stderr } = await workplace.utsuwa('run', '-d', '--rootfs', rootfs, 'true')
  assert.equal(exitCode, 125)
  assert.match(stderr, /write \/.*\.json.*: ENOSPC/)
})
