/**
 * Files that a runtime puts into a container, /etc/hosts and its like, whose places an image has made links: to files of
 * the host, which would be covered, written to or read. It is the class of crun's CVE-2025-24965 and runc's CVE-2024-45310.
 *
 * Seen to fail with an openat instead of `path_open` in `init_bind_at` of native/init_mount.c: the files covered those of the
 * host that the links lead to, and the container had none.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { run } from '../../src/index.ts'
import { makeSandbox } from '../support/busybox-root.ts'
import { hostMounts } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { rootfs, runRoot, scratch } = sandbox
const outside = join(scratch, 'outside')
const names = ['hosts', 'hostname', 'resolv.conf']

beforeEach(() => {
  for (const path of [outside, join(rootfs, 'etc')]) rmSync(path, { recursive: true, force: true })
  for (const path of [outside, join(rootfs, 'etc')]) mkdirSync(path, { recursive: true })
  for (const name of names) writeFileSync(join(outside, name), 'of the host')
})

const files = ' /etc/hosts /etc/hostname /etc/resolv.conf'

async function attack(): Promise<string> {
  // Asked for, the files are there without a network too.
  const options = { network: 'none', extraHosts: ['a:192.0.2.1'], dns: ['192.0.2.2'], hostname: 'vessel' }
  const script = `cat${files}; for file in${files}; do echo planted >$file; done`
  const { stdout = '' } = await run({ rootfs, runRoot, args: ['sh', '-c', script], stdio: 'capture', ...options })
  return stdout
}

function assertUntouched(): void {
  assert.deepEqual(readdirSync(outside).sort(), [...names].sort())
  for (const name of names) assert.equal(readFileSync(join(outside, name), 'utf8'), 'of the host')
  assert.deepEqual(hostMounts(sandbox), [])
}

test('places that are links to files of the host: the files are inside the root', async () => {
  for (const name of names) symlinkSync(join(outside, name), join(rootfs, 'etc', name))
  assert.match(await attack(), /192\.0\.2\.1\ta\n[\s\S]*vessel\nnameserver 192\.0\.2\.2\n/)
  assertUntouched()
})

test('a directory that is a link to one of the host: the files are inside the root', async () => {
  rmSync(join(rootfs, 'etc'), { recursive: true })
  symlinkSync(outside, join(rootfs, 'etc'))
  assert.match(await attack(), /192\.0\.2\.1\ta\n[\s\S]*vessel\nnameserver 192\.0\.2\.2\n/)
  assertUntouched()
  // What the link says, from the root on: a place for the mount, and empty.
  assert.equal(readFileSync(join(rootfs, outside, 'hosts'), 'utf8'), '')
})
