import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemdUnit } from '../../../../src/cgroup/systemd/systemd-unit.ts'

test('slice:prefix:name is a scope in a slice', () => {
  assert.deepEqual(systemdUnit('machine.slice:libpod:abc', 'x'), {
    name: 'libpod-abc.scope',
    slice: 'machine.slice',
    cgroupPath: '/machine.slice/libpod-abc.scope',
  })
})

test('a dash in the name of a slice is a level', () => {
  assert.equal(
    systemdUnit('kubepods-besteffort-pod1.slice:cri-containerd:abc', 'x').cgroupPath,
    '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-abc.scope',
  )
  assert.equal(systemdUnit('-.slice:p:abc', 'x').cgroupPath, '/p-abc.scope')
})

test('empty parts are what they are to runc', () => {
  assert.equal(systemdUnit(':p:abc', 'x').cgroupPath, '/system.slice/p-abc.scope')
  assert.equal(systemdUnit('user.slice::abc', 'x').cgroupPath, '/user.slice/-abc.scope')
})

test('without a path the scope is named after the container', () => {
  for (const absent of [undefined, ''])
    assert.equal(systemdUnit(absent, 'x').cgroupPath, '/system.slice/utsuwa-x.scope')
})

test('other forms, and names that no unit can have, are refused with the pointer', () => {
  const long = 'n'.repeat(250)
  for (const path of [
    '/a/b',
    'a:b',
    'a.slice:b:',
    'a.slice:b:c:d',
    'a.slice:../b:c',
    'a.slice:b:c+d',
    `a.slice:b:${long}`,
    'a:b:c',
    'a--b.slice:c:d',
    '../a.slice:b:c',
    '-a.slice:b:c',
  ])
    assert.throws(() => systemdUnit(path, 'x'), { code: 'INVALID_SPEC', configPointer: '/linux/cgroupsPath' }, path)
})

test('a slice has no processes, so no container can be one', () => {
  assert.throws(() => systemdUnit('machine.slice:p:machine-a.slice', 'x'), { code: 'UNSUPPORTED' })
})
