import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Linux, Mount } from '../../../src/spec/runtime.ts'
import { assertRefused, minimalSpec, names, only, planOf, withLinux } from './support.ts'

const resources = { memory: { limit: 1048576 }, pids: { limit: 5 } }
const spec = withLinux({ namespaces: [{ type: 'mount' }], resources })

test('the cgroup is made with the controllers that its limits need and those whose counters are worth having', () => {
  const plan = planOf(spec, {
    cgroupPath: '/a/b',
    host: { cgroupMount: '/cg', cgroupControllers: ['cpu', 'rdma', 'pids'] },
  })
  assert.deepEqual(only(plan, 'create_cgroup'), [
    {
      op: 'create_cgroup',
      mount: '/cg',
      path: '/a/b',
      controllers: ['memory', 'pids', 'cpu'],
      processes: 'refuse',
      pointer: '',
    },
  ])
})

test('each limit is a write that must succeed, before the process exists', () => {
  const { host } = planOf(spec, { cgroupPath: '/a' })
  const operations = names(host)
  assert.ok(operations.lastIndexOf('write_cgroup') < operations.indexOf('clone'))
  assert.deepEqual(
    only({ host, join: [], init: [] }, 'write_cgroup').find(({ file }) => file === 'pids.max'),
    { op: 'write_cgroup', file: 'pids.max', value: '5', onMissing: 'fail', pointer: '/linux/resources/pids/limit' },
  )
})

test('devices are denied by a program whatever the spec says of them', () => {
  assert.equal(only(planOf(minimalSpec(), { cgroupPath: '/a' }), 'attach_device_program').length, 1)
})

test('the place in config.json that asked for the cgroup', () => {
  const plan = planOf(withLinux({ namespaces: [{ type: 'mount' }], cgroupsPath: '/x' }), { cgroupPath: '/x' })
  assert.equal(only(plan, 'create_cgroup')[0]?.pointer, '/linux/cgroupsPath')
})

test('without a cgroup of its own there is only the clone', () => {
  assert.deepEqual(names(planOf(minimalSpec()).host), ['clone'])
  const nowhere = { cgroupMount: undefined, cgroupControllers: [] }
  assert.deepEqual(names(planOf(minimalSpec(), { cgroupPath: '/x', host: nowhere }).host), ['clone'])
})

test('a limit that the spec asks for is never left out in silence', () => {
  const nowhere = { cgroupMount: undefined, cgroupControllers: [] }
  assertRefused(
    spec,
    { code: 'CGROUP_ERROR', pointer: '/linux/resources/memory/limit', message: /no cgroup v2/ },
    { cgroupPath: '/x', host: nowhere },
  )
})

test('a cgroup that the container sees as its own root and may write to belongs to its user', () => {
  const cgroup = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' }
  const ownersOf = (uid: number, mounts: Mount[], linux: Linux): number[] =>
    only(
      planOf(
        minimalSpec({
          process: { user: { uid, gid: 0 } },
          mounts,
          linux: { ...linux, namespaces: [{ type: 'mount' }, ...(linux.namespaces ?? [])] },
        }),
        { cgroupPath: '/a' },
      ),
      'own_cgroup',
    ).map(operation => operation.uid)
  const uidMappings = [{ containerID: 0, hostID: 100_000, size: 1000 }]
  const cgroupNamespace: Linux = { namespaces: [{ type: 'cgroup' }] }
  const both: Linux = { namespaces: [{ type: 'cgroup' }, { type: 'user' }], uidMappings }

  assert.deepEqual(ownersOf(7, [cgroup], both), [100_007])
  assert.deepEqual(ownersOf(7, [cgroup], cgroupNamespace), [7])
  assert.deepEqual(ownersOf(0, [cgroup], cgroupNamespace), [], 'root has it already')
  assert.deepEqual(ownersOf(7, [{ ...cgroup, options: ['ro'] }], both), [])
  assert.deepEqual(ownersOf(7, [], both), [])
  assert.deepEqual(ownersOf(7, [cgroup], { namespaces: [{ type: 'user' }], uidMappings }), [])
})
