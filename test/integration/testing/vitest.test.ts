/** utsuwa/testing under vitest itself, in a project that has utsuwa installed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeSandbox } from '../../support/busybox-root.ts'
import { npmPackages } from '../../support/npm-packages.ts'

const clone = join(import.meta.dirname, '../../..')
const sandbox = makeSandbox()
const { rootfs, runRoot, scratch } = sandbox
after(() => sandbox[Symbol.dispose]())

before(async () => {
  mkdirSync(join(scratch, 'node_modules/utsuwa'), { recursive: true })
  // Not a link to the clone: vitest would take it for sources of the project.
  for (const name of ['package.json', 'dist'])
    cpSync(join(clone, name), join(scratch, 'node_modules/utsuwa', name), { recursive: true })
  symlinkSync(join(await npmPackages('vitest'), 'vitest'), join(scratch, 'node_modules/vitest'))
  cpSync(join(import.meta.dirname, 'vitest'), scratch, { recursive: true })
  // Of nobody: what the processes of vitest leave is theirs.
  mkdirSync(join(runRoot, 'containers'), { recursive: true })
})

function vitest(pool: string, file: string) {
  const flags = ['run', '--root', scratch, '--pool', pool, '--no-cache', '--no-color', '--reporter', 'verbose']
  const vitestPath = join(scratch, 'node_modules/vitest/vitest.mjs')
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitestPath, ...flags, '--dir', scratch, file], {
    cwd: scratch,
    env: { ...env, ROOTFS: rootfs, RUN_ROOT: runRoot },
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

for (const pool of ['forks', 'threads']) {
  test(`containers go with their tests, with the pool ${pool}`, () => {
    const { status, output } = vitest(pool, 'fixtures')
    assert.equal(status, 0, output)
    assert.match(output, /Tests +6 passed/)
    assert.deepEqual(readdirSync(join(runRoot, 'containers')), [])
  })

  test(`also where tests fail, with the pool ${pool}`, () => {
    const { status, output } = vitest(pool, 'failing')
    assert.equal(status, 1, output)
    assert.match(output, /Tests +2 failed/)
    assert.match(output, /as it should/)
    assert.deepEqual(readdirSync(join(runRoot, 'containers')), [])
  })
}
