import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isDelegated, nearestCgroup, readEnabledControllers } from '../../../src/cgroup/delegation.ts'

const mount = mkdtempSync(join(tmpdir(), 'utsuwa-delegation-'))
mkdirSync(join(mount, 'a/b'), { recursive: true })
after(() => rmSync(mount, { recursive: true }))

test('the deepest cgroup that exists is the one that another is made in', () => {
  assert.equal(nearestCgroup(mount, '/a/b/c/d'), join(mount, 'a/b'))
  assert.equal(nearestCgroup(mount, '/a/b'), join(mount, 'a/b'))
  assert.equal(nearestCgroup(mount, '/x/y'), mount)
})

test('a cgroup is delegated when its directory and its list of processes may be written', () => {
  const directory = join(mount, 'a')
  assert.equal(isDelegated(directory), false, 'there is no cgroup.procs')
  writeFileSync(join(directory, 'cgroup.procs'), '')
  assert.equal(isDelegated(directory), true)
})

test('controllers that children have', () => {
  const directory = join(mount, 'a')
  writeFileSync(join(directory, 'cgroup.subtree_control'), '\n')
  assert.deepEqual(readEnabledControllers(directory), [])
  writeFileSync(join(directory, 'cgroup.subtree_control'), 'memory pids\n')
  assert.deepEqual(readEnabledControllers(directory), ['memory', 'pids'])
})
