import assert from 'node:assert/strict'
import { constants as osConstants } from 'node:os'
import { test } from 'node:test'
import { type CgroupFacts, checkCgroups } from '../../../../src/diagnosis/doctor/doctor-cgroup.ts'
import { checkRelease } from '../../../../src/diagnosis/doctor/doctor-kernel.ts'
import { describeNamespace } from '../../../../src/diagnosis/doctor/doctor-namespaces.ts'

const all = ['cpu', 'cpuset', 'io', 'memory', 'pids']
const good: CgroupFacts = {
  hierarchy: { mode: 'unified', mountHostPath: '/sys/fs/cgroup', v1Controllers: [] },
  controllers: all,
  kernelControllers: all,
  mountIsInside: false,
  processes: 40,
  hasKill: true,
}

const problems = (facts: Partial<CgroupFacts>) =>
  checkCgroups({ ...good, ...facts }).filter(({ status }) => status !== 'ok')

test('a machine with cgroup v2 alone has no problems', () => {
  assert.deepEqual(problems({}), [])
})

test('on a hybrid hierarchy each controller that v1 holds is a problem, with the boot parameter', () => {
  const hierarchy = { mode: 'hybrid', mountHostPath: '/m', v1Controllers: ['blkio', 'memory', 'pids', 'cpu'] } as const
  const found = problems({
    hierarchy: { ...hierarchy, v1Controllers: [...hierarchy.v1Controllers] },
    controllers: ['cpuset'],
  })
  assert.deepEqual(
    found.map(({ id, status }) => `${status} ${id}`),
    ['warn cgroup', 'fail cgroup.memory', 'fail cgroup.pids', 'fail cgroup.cpu', 'warn cgroup.io'],
  )
  for (const { fix } of found) assert.match(fix ?? '', /systemd\.unified_cgroup_hierarchy=1 cgroup_no_v1=all .*reboot/)
})

test('a controller that is not delegated and one that is disabled have different fixes', () => {
  const [undelegated] = problems({ controllers: all.filter(name => name !== 'pids') })
  assert.match(undelegated?.fix ?? '', /Delegate=yes/)
  const rest = all.filter(name => name !== 'memory')
  const [disabled] = problems({ controllers: rest, kernelControllers: rest })
  assert.match(disabled?.fix ?? '', /cgroup_enable=memory/)
})

test('processes in the root of a container’s part of the hierarchy are in the way', () => {
  assert.deepEqual(
    problems({ mountIsInside: true }).map(({ id }) => id),
    ['cgroup.occupied'],
  )
  assert.deepEqual(problems({ mountIsInside: true, processes: 0 }), [])
})

test('no hierarchy, or an old one', () => {
  const facts = (mode: 'none' | 'legacy') => ({ hierarchy: { mode, mountHostPath: undefined, v1Controllers: [] } })
  assert.match(problems(facts('none'))[0]?.fix ?? '', /^mount -t cgroup2/)
  assert.match(problems(facts('legacy'))[0]?.fix ?? '', /unified_cgroup_hierarchy/)
  assert.equal(problems({ hasKill: false })[0]?.id, 'cgroup.kill')
})

test('kernels before 5.14 are too old', () => {
  for (const release of ['5.14.0-1', '6.1.0-39-amd64', '10.0'])
    assert.equal(checkRelease(release).status, 'ok', release)
  for (const release of ['5.13.9', '4.19.0', '5.4']) assert.equal(checkRelease(release).status, 'fail', release)
})

test('a namespace that cannot be made says what to set', () => {
  const none = (): undefined => undefined
  assert.equal(describeNamespace('pid', 0, none).status, 'ok')
  const { ENOSPC, EPERM, EINVAL } = osConstants.errno
  assert.equal(describeNamespace('network', ENOSPC, none).fix, 'sysctl -w user.max_net_namespaces=10000')
  assert.match(describeNamespace('mount', EPERM, none).fix ?? '', /--privileged/)
  assert.match(describeNamespace('time', EINVAL, none).fix ?? '', /CONFIG_TIME_NS=y/)
  const apparmor = (name: string): number | undefined =>
    name === 'kernel.apparmor_restrict_unprivileged_userns' ? 1 : undefined
  for (const errno of [0, EPERM])
    assert.match(describeNamespace('user', errno, apparmor).fix ?? '', /apparmor_restrict_unprivileged_userns=0/)
  assert.equal(describeNamespace('pid', 0, apparmor).status, 'ok')
})
