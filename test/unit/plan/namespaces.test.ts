import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cloneFlags } from '../../../src/plan/namespaces.ts'
import type { LinuxNamespaceType } from '../../../src/spec/runtime.ts'
import { assertRefused, names, only, planOf, withLinux } from './support.ts'

const every: readonly LinuxNamespaceType[] = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time']
const { user, mount, pid, time, network, ipc, uts, cgroup } = cloneFlags

function planWith(namespaces: readonly (LinuxNamespaceType | [LinuxNamespaceType, string])[]) {
  return planOf(
    withLinux({
      namespaces: namespaces.map(entry =>
        typeof entry === 'string' ? { type: entry } : { type: entry[0], path: entry[1] },
      ),
    }),
  )
}

test('new namespaces are made by the clone, all at once', () => {
  const plan = planWith(['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup', 'user'])
  assert.deepEqual(only(plan, 'clone'), [
    { op: 'clone', flags: pid | network | ipc | uts | mount | cgroup | user, pointer: '/linux/namespaces' },
  ])
  assert.deepEqual(plan.join, [])
})

test('a new time namespace is unshared, given its offsets, and entered by a fork', () => {
  const plan = planOf(
    withLinux({
      namespaces: [{ type: 'mount' }, { type: 'time' }],
      timeOffsets: { monotonic: { secs: 86400, nanosecs: 5 }, boottime: { secs: -1 } },
    }),
  )
  assert.equal(only(plan, 'clone')[0]?.flags, mount)
  assert.deepEqual(plan.join, [
    { op: 'unshare', flags: time, pointer: '/linux/namespaces' },
    { op: 'set_time_offsets', offsets: 'monotonic 86400 5\nboottime -1 0\n', pointer: '/linux/timeOffsets' },
    { op: 'fork', pointer: '/linux/namespaces' },
  ])
  assert.deepEqual(names(planWith(['mount', 'time']).join), ['unshare', 'fork'])
})

test('joined ones come in a fixed order, user first, whatever the spec lists', () => {
  const joined = planWith(every.map(type => (type === 'mount' ? type : [type, `/run/${type}`]))).join
  const kinds = joined.flatMap(operation => (operation.op === 'join_namespace' ? operation.kind : []))
  assert.deepEqual(kinds, ['user', 'ipc', 'uts', 'network', 'pid', 'cgroup', 'time'])
  assert.deepEqual(joined[0], {
    op: 'join_namespace',
    kind: 'user',
    path: '/run/user',
    pointer: '/linux/namespaces/5/path',
  })
})

test('only joining or unsharing a PID or time namespace needs a fork', () => {
  assert.deepEqual(names(planWith(['mount', ['network', '/n'], ['ipc', '/i'], ['uts', '/u']]).join), [
    'join_namespace',
    'join_namespace',
    'join_namespace',
  ])
  assert.deepEqual(names(planWith(['mount', ['pid', '/p']]).join), ['join_namespace', 'fork'])
  assert.deepEqual(names(planWith(['mount', ['time', '/t']]).join), ['join_namespace', 'fork'])
})

test('in a joined user namespace the new ones are made after joining it, so that they belong to it', () => {
  const plan = planWith(['mount', 'pid', 'uts', ['user', '/u'], ['network', '/n']])
  assert.equal(only(plan, 'clone')[0]?.flags, 0)
  assert.deepEqual(names(plan.join), ['join_namespace', 'join_namespace', 'unshare', 'fork'])
  assert.equal(only(plan, 'unshare')[0]?.flags, mount | pid | uts)
  assert.deepEqual(names(planWith(['mount', ['user', '/u']]).join), ['join_namespace', 'unshare'])
})

test('an empty path means a new namespace', () => {
  const plan = planWith([
    ['mount', ''],
    ['pid', ''],
  ])
  assert.equal(only(plan, 'clone')[0]?.flags, mount | pid)
  assert.deepEqual(plan.join, [])
})

test('id maps are written for a new user namespace, and for no other', () => {
  const linux = {
    uidMappings: [
      { containerID: 0, hostID: 100000, size: 1000 },
      { containerID: 1000, hostID: 5, size: 1 },
    ],
    gidMappings: [{ containerID: 0, hostID: 200000, size: 10 }],
  }
  const plan = planOf(withLinux({ ...linux, namespaces: [{ type: 'user' }, { type: 'mount' }] }))
  assert.deepEqual(plan.host.slice(1), [
    {
      op: 'write_id_map',
      file: 'uid_map',
      content: '0 100000 1000\n1000 5 1\n',
      helper: '',
      pointer: '/linux/uidMappings',
    },
    { op: 'write_id_map', file: 'gid_map', content: '0 200000 10\n', helper: '', pointer: '/linux/gidMappings' },
  ])
  const joined = planOf(withLinux({ ...linux, namespaces: [{ type: 'user', path: '/u' }, { type: 'mount' }] }))
  assert.deepEqual(only(joined, 'write_id_map'), [])
})

test('loopback comes up in a new network namespace, not in a joined one', () => {
  assert.equal(only(planWith(['mount', 'network']), 'bring_up_loopback').length, 1)
  assert.equal(only(planWith(['mount', ['network', '/n']]), 'bring_up_loopback').length, 0)
  assert.equal(only(planWith(['mount']), 'bring_up_loopback').length, 0)
})

test('without a mount namespace there is no container', () => {
  assertRefused(withLinux({ namespaces: [{ type: 'pid' }] }), {
    code: 'INVALID_SPEC',
    pointer: '/linux/namespaces',
    message: /mount namespace/,
  })
})

test('a mount namespace is joined last, and the root is made in it', () => {
  const plan = planWith(['pid', ['mount', '/m'], ['uts', '/u']])
  assert.equal(only(plan, 'clone')[0]?.flags, pid)
  assert.deepEqual(
    only(plan, 'join_namespace').map(({ kind }) => kind),
    ['uts', 'mount'],
  )
  assert.deepEqual(names(plan.init).slice(2, 5), ['new_keyring', 'set_propagation', 'bind_rootfs'])
})
