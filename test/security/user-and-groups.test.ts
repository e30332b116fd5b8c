/**
 * Who a process is. CVE-2023-25173 of containerd and 2022-36109 of moby: the user's group was not among the additional
 * ones, so a setgid program could shed it. CVE-2024-40635: 4294967296 became 0. CVE-2026-46680: a number was looked up as
 * a name. CVE-2026-47262: an endless /etc/group was read to its end.
 *
 * Seen to fail, each with one thing changed: the user's own group left out, ids without a limit, names looked up
 * before numbers (all in src/options/user.ts), files read without a bound (src/engine/files/container-files.ts), and
 * setgroups(2) left out (native/init_process.c), where the caller's groups were found. In each case the test of that
 * name failed.
 */
import assert from 'node:assert/strict'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { isUtsuwaError } from '../../src/errors.ts'
import { sh } from '../integration/lifecycle/support.ts'
import { makeSandbox, type Sandbox } from '../support/busybox-root.ts'
import { execIn, printed, startBox } from './support.ts'

let sandbox: Sandbox
beforeEach(() => {
  sandbox = makeSandbox()
})
afterEach(() => sandbox[Symbol.dispose]())

const IDS = 'grep -E "^(Uid|Gid|Groups)" /proc/self/status | tr -s "\\t " " "'

describe('a user given to run', () => {
  it('has exactly its groups, its own among them', async () => {
    const of = async (user: string) => (await sh(sandbox, IDS, { user })).stdout
    assert.equal(await of('alice'), 'Uid: 1000 1000 1000 1000\nGid: 1000 1000 1000 1000\nGroups: 50 1000 \n')
    assert.equal(await of('alice:staff'), 'Uid: 1000 1000 1000 1000\nGid: 50 50 50 50\nGroups: 50 \n')
    assert.equal(await of('4242'), 'Uid: 4242 4242 4242 4242\nGid: 0 0 0 0\nGroups: 0 \n')
  })
  it('is refused when it is no number that an id can be', async () => {
    for (const user of [
      '4294967296',
      '4294967295',
      '-1',
      '2147483647',
      '1:4294967296',
      '0x0',
      '00x',
      ''.padEnd(30, '9'),
    ])
      await assert.rejects(sh(sandbox, IDS, { user }), error => isUtsuwaError(error, 'INVALID_ARGUMENT'), user)
  })
  it('is never looked up by name when it looks like a number', async () => {
    writeFileSync(join(sandbox.rootfs, 'etc/passwd'), '1000:x:0:0::/:/bin/sh\n')
    assert.match((await sh(sandbox, IDS, { user: '1000' })).stdout, /^Uid: 1000 1000/)
  })
  it('is looked up in a bounded part of endless files', async () => {
    for (const name of ['passwd', 'group']) truncateSync(join(sandbox.rootfs, 'etc', name), 2 ** 40)
    const begin = performance.now()
    assert.match((await sh(sandbox, IDS, { user: 'alice' })).stdout, /^Uid: 1000 1000/)
    assert.ok(performance.now() - begin < 5000)
  })
})

describe('a user of config.json', () => {
  it('has the listed groups and none of the caller', async () => {
    const groups = async (additionalGids: number[]) =>
      (
        await printed(sandbox, IDS, ({ process }) =>
          Object.assign(process, { user: { uid: 7, gid: 8, additionalGids } }),
        )
      )
        .split('\n')
        .at(2)!
        .trim()
    assert.equal(await groups([8, 9, 4_000_000_000]), 'Groups: 8 9 4000000000')
    assert.equal(await groups([]), 'Groups:')
    await using box = await startBox(sandbox, ['sleep', '100'])
    const { stdout } = await execIn(sandbox, box, ['sh', '-c', IDS], { user: { uid: 7, gid: 8, additionalGids: [9] } })
    assert.equal(stdout, 'Uid: 7 7 7 7\nGid: 8 8 8 8\nGroups: 9 \n')
  })
})
