import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RestrictedCaller } from '../../../src/plan/rootless.ts'
import type { IdMapping, Linux } from '../../../src/spec/runtime.ts'
import { assertRefused, names, only, planOf, withLinux } from './support.ts'

const caller: RestrictedCaller = { uid: 1000, gid: 100, newuidmap: '/bin/newuidmap', newgidmap: '/bin/newgidmap' }
const hostOf = (restricted: RestrictedCaller) => ({
  cgroupMount: '/cg',
  cgroupControllers: ['pids'],
  caller: restricted,
})
const host = hostOf(caller)

function userNamespace(uidMappings: IdMapping[], gidMappings: IdMapping[], linux: Linux = {}) {
  return withLinux({ namespaces: [{ type: 'mount' }, { type: 'user' }], uidMappings, gidMappings, ...linux })
}

const own = userNamespace([{ containerID: 0, hostID: 1000, size: 1 }], [{ containerID: 0, hostID: 100, size: 1 }])

test("a user's own ids are written, once setgroups is given up", () => {
  assert.deepEqual(
    only(planOf(own, { host }), 'write_id_map').map(({ file, content, helper }) => [file, content, helper]),
    [
      ['uid_map', '0 1000 1\n', ''],
      ['setgroups', 'deny', ''],
      ['gid_map', '0 100 1\n', ''],
    ],
  )
})

test('all other ids are mapped by the setuid programs', () => {
  const subordinate = { containerID: 1, hostID: 100_000, size: 65_536 }
  const spec = userNamespace(
    [{ containerID: 0, hostID: 1000, size: 1 }, subordinate],
    [{ containerID: 0, hostID: 1000, size: 1 }],
  )
  assert.deepEqual(
    only(planOf(spec, { host }), 'write_id_map').map(({ file, helper }) => [file, helper]),
    [
      ['uid_map', '/bin/newuidmap'],
      ['gid_map', '/bin/newgidmap'],
    ],
    'the gid is not the own one',
  )
  assertRefused(
    spec,
    { code: 'NOT_ROOT', pointer: '/linux/uidMappings', message: /newuidmap, which is not in \$PATH/ },
    { host: hostOf({ ...caller, newuidmap: undefined }) },
  )
})

test('root maps what it likes, in the first user namespace or another', () => {
  const spec = userNamespace([{ containerID: 0, hostID: 5, size: 10 }], [])
  for (const each of [{ cgroupMount: '/cg', cgroupControllers: [] }, hostOf({ ...caller, uid: 0, gid: 0 })])
    assert.deepEqual(
      only(planOf(spec, { host: each }), 'write_id_map').map(({ helper }) => helper),
      [''],
    )
})

test('a rootless cgroup: no device program, and nobody to give it to', () => {
  const cgroup = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' }
  const linux = { namespaces: [{ type: 'mount' }, { type: 'user' }, { type: 'cgroup' }] } as const
  const spec = {
    ...userNamespace([{ containerID: 0, hostID: 1000, size: 1 }], [{ containerID: 0, hostID: 100, size: 1 }], {
      namespaces: [...linux.namespaces],
    }),
    mounts: [cgroup],
  }
  assert.deepEqual(names(planOf(spec, { host, cgroupPath: '/box' }).host), [
    'create_cgroup',
    'clone',
    'write_id_map',
    'write_id_map',
    'write_id_map',
  ])
})

test('limits without a delegated cgroup are refused with what delegates one', () => {
  assertRefused(
    { ...own, linux: { ...own.linux, resources: { pids: { limit: 5 } } } },
    { code: 'CGROUP_ERROR', pointer: '/linux/resources/pids/limit', message: /^\/cg\/a is not delegated to this user/ },
    { host, undelegated: '/cg/a' },
  )
})

test('a user who asks for no user namespace gets the plan of root', () => {
  const plan = planOf(withLinux({ namespaces: [{ type: 'mount' }] }), { host, cgroupPath: '/box' })
  assert.equal(only(plan, 'attach_device_program').length, 1)
})
