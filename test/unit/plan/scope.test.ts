import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemdUnit } from '../../../src/cgroup/systemd/systemd-unit.ts'
import { explain } from '../../../src/plan/explain.ts'
import { cloneFlags } from '../../../src/plan/namespaces.ts'
import type { LinuxNamespace } from '../../../src/spec/runtime.ts'
import { minimalSpec, names, only, planOf } from './support.ts'

function planWith(namespaces: LinuxNamespace[]) {
  const unit = systemdUnit('a.slice:b:c', 'c')
  return planOf(
    minimalSpec({
      annotations: { 'org.systemd.property.TimeoutStopSec': '5' },
      linux: { namespaces, cgroupsPath: 'a.slice:b:c', resources: { pids: { limit: 5 } } },
    }),
    { cgroupPath: unit.cgroupPath, systemdUnit: unit },
  )
}

test('the process is born outside, waits until it has been moved, then makes its cgroup namespace', () => {
  const plan = planWith([{ type: 'mount' }, { type: 'cgroup' }])
  assert.deepEqual(names(plan.host), ['clone'])
  assert.equal(only(plan, 'clone')[0]?.flags, cloneFlags.mount)
  assert.deepEqual(plan.join, [
    { op: 'barrier', name: 'cgroup', pointer: '/linux/cgroupsPath' },
    { op: 'unshare', flags: cloneFlags.cgroup, pointer: '/linux/namespaces' },
  ])
})

test('it is moved when its PID is final: behind the fork', () => {
  const joined = planWith([{ type: 'mount' }, { type: 'cgroup' }, { type: 'user', path: '/u' }, { type: 'pid' }])
  assert.deepEqual(names(joined.join), ['join_namespace', 'unshare', 'fork', 'barrier', 'unshare'])
  const [first, second] = only(joined, 'unshare')
  assert.equal(first?.flags, cloneFlags.mount | cloneFlags.pid)
  assert.equal(second?.flags, cloneFlags.cgroup)
  assert.deepEqual(names(planWith([{ type: 'mount' }]).join), ['barrier'])
})

test('the scope gets the limits as properties, its cgroup gets all of them in full', () => {
  const { scope } = planWith([{ type: 'mount' }])
  const properties = Object.fromEntries(scope!.properties.map(({ name, value }) => [name, value[0]]))
  assert.equal(properties.TasksMax, '5')
  assert.equal(properties.TimeoutStopUSec, '5000000')
  assert.deepEqual(names(scope!.operations), ['create_cgroup', 'write_cgroup', 'attach_device_program'])
  const [take] = scope!.operations
  assert.ok(take?.op === 'create_cgroup' && take.processes === 'accept' && take.path === '/a.slice/b-c.scope')
})

test('without systemd there is neither a scope nor a barrier', () => {
  const plan = planOf(minimalSpec(), { cgroupPath: '/x' })
  assert.equal(plan.scope, undefined)
  assert.deepEqual(plan.join, [])
})

test('the scope stands in the explanation, between joining and the container', () => {
  const lines = explain(planWith([{ type: 'mount' }])).split('\n')
  const stages = lines.map(line => line.split(' ')[0])
  assert.deepEqual([...new Set(stages)], ['host', 'join', 'scope', 'init'])
  assert.ok(lines.some(line => /^scope {2}start unit b-c\.scope \(.*Slice=a\.slice.*TasksMax=5/.test(line)))
  assert.ok(lines.some(line => /^scope {2}take cgroup \/a\.slice\/b-c\.scope/.test(line)))
})
