import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemdCgroupPath } from '../../../../src/cli/oci/systemd-cgroup.ts'

test('slice:prefix:name becomes the path of a scope', () => {
  assert.equal(systemdCgroupPath('system.slice:cri-containerd:abc', 'x'), '/system.slice/cri-containerd-abc.scope')
  assert.equal(systemdCgroupPath(':runc:abc', 'x'), '/system.slice/runc-abc.scope')
  assert.equal(systemdCgroupPath('user.slice::abc', 'x'), '/user.slice/abc.scope')
  assert.equal(systemdCgroupPath('-.slice:p:abc', 'x'), '/p-abc.scope')
})

test('dashes in the name of a slice are levels', () => {
  assert.equal(
    systemdCgroupPath('kubepods-besteffort-pod1.slice:cri:abc', 'x'),
    '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-abc.scope',
  )
})

test('a name that is a slice stays one', () => {
  assert.equal(systemdCgroupPath('machine.slice:p:machine-a.slice', 'x'), '/machine.slice/machine-a.slice')
})

test('without a path the scope is named after the container', () => {
  for (const absent of [undefined, '']) assert.equal(systemdCgroupPath(absent, 'x'), '/system.slice/utsuwa-x.scope')
})

test('other forms are refused, with the pointer', () => {
  for (const path of ['/a/b', 'a:b', 'a.slice:b:', 'a.slice:b:c:d', 'a.slice:../b:c', 'a:b:c', 'a--b.slice:c:d'])
    assert.throws(
      () => systemdCgroupPath(path, 'x'),
      { code: 'INVALID_SPEC', configPointer: '/linux/cgroupsPath' },
      path,
    )
})
