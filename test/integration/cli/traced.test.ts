/** Commands that have themselves traced by their parent, which is the reaper or the monitor: signals still reach them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeBusyboxRoot, openWorkplace, runBeside, type Workplace } from '../../support/command-line.ts'
import { until } from '../../support/until.ts'

let workplace: Workplace
let rootfs: string
before(() => {
  workplace = openWorkplace()
  rootfs = makeBusyboxRoot(workplace.directory)
  const source = join(import.meta.dirname, '../../native/traced.c')
  execFileSync('cc', ['-static', '-Wall', '-Wextra', '-Werror', '-o', join(rootfs, 'bin/traced'), source])
})
after(() => workplace[Symbol.dispose]())

test('run --init passes SIGTERM on, also after an execve', async () => {
  for (const how of ['now', 'execute']) {
    await using box = await runBeside(workplace, `traced-${how}`, '--init', '--rootfs', rootfs, 'traced', how)
    assert.equal((await workplace.utsuwa('stop', `traced-${how}`)).exitCode, 0)
    assert.equal((await box.ended).exitCode, 9)
  }
})

test('a detached container without --init gets SIGTERM', async () => {
  const started = await workplace.utsuwa('run', '-d', '--name', 'alone', '--rootfs', rootfs, 'traced')
  assert.equal(started.exitCode, 0, started.stderr)
  await until('the command is ready', async () => (await workplace.utsuwa('logs', 'alone')).stdout.includes('ready'))
  assert.equal((await workplace.utsuwa('stop', 'alone')).exitCode, 0)
  const { stdout } = await workplace.utsuwa('wait', 'alone')
  assert.equal(stdout.trim(), '9')
})
