/**
 * A PID is another process's as soon as the one that had it is reaped. What is opened by the number in a record may then
 * be of a process of the host: its files are exported, its namespaces joined, its network reconfigured.
 *
 * Seen to fail, each of them, with the check after the open taken out of src/launch/process-files.ts: they got `something
 * of another process`, but for `user` and `home`, which had read the stranger's passwd before they failed otherwise.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { makeSandbox } from '../support/busybox-root.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, scratch } = sandbox
mkdirSync(join(rootfs, 'etc'), { recursive: true })
writeFileSync(join(rootfs, 'etc/secret'), 'of a stranger')

const expected = {
  root: 'nothing',
  namespace: 'nothing',
  copy: 'CONTAINER_NOT_RUNNING',
  export: 'nothing', // its own files are there to be exported still
  home: 'CONTAINER_NOT_RUNNING',
  user: 'CONTAINER_NOT_RUNNING',
  join: 'CONTAINER_NOT_RUNNING',
  network: 'CONTAINER_NOT_RUNNING',
}

for (const [name, outcome] of Object.entries(expected))
  test(`${name}: nothing is taken of a process that has got the number of a container's first one`, async () => {
    const directory = join(scratch, name)
    mkdirSync(directory)
    const program = join(import.meta.dirname, 'reuse-pid.ts')
    const words = ['--pid', '--fork', '--mount-proc', '--kill-child']
    const { stdout } = await promisify(execFile)('unshare', [
      ...words,
      process.execPath,
      program,
      rootfs,
      directory,
      name,
    ])
    assert.equal(stdout.trim(), outcome)
  })
