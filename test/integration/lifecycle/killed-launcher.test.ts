/** The process that runs a container is killed: the container ends with it, and the next command tidies up. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { containers } from '../../../src/index.ts'
import { readProcessStat } from '../../../src/runtime/state/status.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { sh } from './support.ts'

// A change of user takes the parent death signal away (prctl(2)), so it must work for every user.
for (const user of ['root', 'alice']) {
  test(`a container of ${user} ends with its launcher and is removed by the next list`, async () => {
    using sandbox = makeSandbox()
    const { rootfs, runRoot } = sandbox
    const program = join(import.meta.dirname, 'run-and-wait.ts')
    const launcher = spawn(process.execPath, [program, rootfs, runRoot, user], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [output] = await once(launcher.stdout, 'data')
    const pid = Number(output)
    assert.deepEqual(
      (await containers({ runRoot })).map(({ name, status, pid }) => [name, status, pid]),
      [['left', 'running', pid]],
    )
    launcher.kill('SIGKILL')
    await once(launcher, 'exit')
    for (let waited = 0; isAlive(pid) && waited < 5000; waited += 10) await sleep(10)
    assert.ok(!isAlive(pid), 'the container lives on')
    assert.deepEqual(await containers({ runRoot }), [])
    assert.deepEqual(readdirSync(join(runRoot, 'containers')), [])
    assert.equal((await sh(sandbox, 'exit 5', { name: 'left' })).result.exitCode, 5, 'the name is free again')
  })
}

/** A zombie does not count: whoever became its parent may be slow to wait for it. */
function isAlive(pid: number): boolean {
  return !['Z', 'X', undefined].includes(readProcessStat(pid)?.state)
}
