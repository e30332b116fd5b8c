import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RuntimeSpec } from '../../../src/spec/runtime.ts'
import { assertRefused, minimalSpec, names, only, planOf, withLinux } from './support.ts'

test('the order in which a container comes to life', () => {
  const plan = planOf(
    minimalSpec({
      process: { terminal: true, noNewPrivileges: true, oomScoreAdj: 1 },
      hostname: 'box',
      mounts: [{ destination: '/proc', type: 'proc' }],
      hooks: { createContainer: [{ path: '/hook' }], startContainer: [{ path: '/late' }] },
      root: { path: '/root', readonly: true },
      linux: {
        namespaces: [{ type: 'mount' }, { type: 'uts' }, { type: 'network' }],
        maskedPaths: ['/proc/kcore'],
        readonlyPaths: ['/proc/sys'],
        sysctl: { 'net.ipv4.ip_forward': '1' },
        rootfsPropagation: 'private',
        personality: { domain: 'LINUX32' },
        seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
      },
    }),
    { endWithLauncher: true, cgroupPath: '/box' },
  )
  const collapsed = names(plan.init).filter((name, index, all) => name !== all[index - 1])
  assert.deepEqual(names(plan.host), ['create_cgroup', 'attach_device_program', 'clone'])
  assert.deepEqual(collapsed, [
    'new_session',
    'open_procfs',
    'new_keyring',
    'bring_up_loopback',
    'set_propagation',
    'bind_rootfs',
    'mount_at',
    'make_device',
    'make_symlink',
    'open_console',
    'barrier',
    'run_hook',
    'readonly_path',
    'mask_path',
    'set_hostname',
    'set_sysctl',
    'pivot_root',
    'change_directory',
    'readonly_rootfs',
    'set_root_propagation',
    'set_oom_score_adj',
    'set_personality',
    'set_bounding_capabilities',
    'set_user',
    'set_parent_death_signal',
    'find_executable',
    'wait_for_start',
    'run_hook',
    'announce',
    'set_capabilities',
    'set_no_new_privs',
    'load_seccomp',
    'exec',
  ])
})

test('the parent death signal comes after the user: changing it takes the signal away (prctl(2))', () => {
  const operations = names(planOf(minimalSpec(), { endWithLauncher: true }).init)
  assert.ok(operations.indexOf('set_parent_death_signal') > operations.indexOf('set_user'))
  assert.ok(operations.indexOf('set_parent_death_signal') < operations.indexOf('wait_for_start'))
  assert.deepEqual(only(planOf(minimalSpec()), 'set_parent_death_signal'), [])
})

test('descriptors: the plan, the report socket, then what this container needs, behind those it keeps', () => {
  assert.deepEqual(planOf(minimalSpec()).descriptors, ['plan', 'report'])
  const plan = planOf(minimalSpec({ process: { terminal: true, consoleSize: { width: 80, height: 24 } } }), {
    gate: 'socket',
    rootfsMountPoint: '/run/root',
    preserveFds: 2,
  })
  assert.deepEqual(plan.descriptors, ['plan', 'report', 'gate', 'console', 'rootfs'])
  assert.equal(plan.firstDescriptor, 5)
  assert.equal(only(plan, 'wait_for_start')[0]?.gateFd, 7)
  assert.deepEqual(only(plan, 'open_console')[0], {
    op: 'open_console',
    socketFd: 8,
    width: 80,
    height: 24,
    pointer: '/process/terminal',
  })
  assert.deepEqual(only(plan, 'attach_rootfs')[0], { op: 'attach_rootfs', mountFd: 9, path: '/run/root', pointer: '' })
  assert.equal(only(plan, 'exec')[0]?.preserveFds, 2)
  assert.equal(only(planOf(minimalSpec()), 'wait_for_start')[0]?.gateFd, -1)
})

test('the root: relative to the bundle, a slave of the host unless the spec says otherwise', () => {
  const plan = planOf(minimalSpec({ root: { path: './rootfs' } }))
  assert.equal(only(plan, 'bind_rootfs')[0]?.path, '/bundle/rootfs')
  assert.deepEqual(only(plan, 'set_propagation'), [{ op: 'set_propagation', flags: 0x84000, pointer: '' }])
  assert.deepEqual(only(plan, 'set_root_propagation'), [])
  const shared = planOf(withLinux({ namespaces: [{ type: 'mount' }], rootfsPropagation: 'shared' }))
  assert.deepEqual(only(shared, 'set_propagation'), [
    { op: 'set_propagation', flags: 0x104000, pointer: '/linux/rootfsPropagation' },
  ])
  assert.equal(only(shared, 'set_root_propagation')[0]?.flags, 0x100000)
  assert.equal(only(planOf(minimalSpec({ root: { path: '/abs' } })), 'bind_rootfs')[0]?.path, '/abs')
  assert.ok(names(planOf(minimalSpec(), { noPivot: true }).init).includes('move_root'))
})

test('any hook but those after the start needs the barrier at which the launcher runs its own', () => {
  const barriers = (hooks: RuntimeSpec['hooks'] & object) => only(planOf(minimalSpec({ hooks })), 'barrier').length
  const hook = [{ path: '/hook' }]
  assert.equal(barriers({}), 0)
  assert.equal(barriers({ poststart: hook, poststop: hook }), 0)
  for (const hooks of [
    { prestart: hook },
    { createRuntime: hook },
    { createContainer: hook },
    { startContainer: hook },
  ])
    assert.equal(barriers(hooks), 1)
})

test('network devices come at a barrier, before the hooks and the sysctls, and need a namespace to move to', () => {
  const netDevices = { eth1: {} }
  const hooks = { createRuntime: [{ path: '/hook' }] }
  const namespaces = [{ type: 'mount' }, { type: 'network' }] as const
  const spec = minimalSpec({ hooks, linux: { namespaces: [...namespaces], netDevices, sysctl: { 'net.x': '1' } } })
  assert.deepEqual(
    planOf(spec).init.flatMap(operation =>
      operation.op === 'barrier' ? operation.name : operation.op === 'set_sysctl' ? operation.op : [],
    ),
    ['network', 'namespaces', 'set_sysctl'],
  )
  assertRefused(withLinux({ namespaces: [{ type: 'mount' }], netDevices }), {
    code: 'INVALID_SPEC',
    pointer: '/linux/netDevices',
    message: /network namespace/,
  })
})

test('hooks: time limits in milliseconds, and where they come from', () => {
  const plan = planOf(
    minimalSpec({
      hooks: {
        createContainer: [{ path: '/a' }, { path: '/b', args: ['b', '1'], env: ['X=1'], timeout: 3 }],
      },
    }),
  )
  assert.deepEqual(only(plan, 'run_hook'), [
    { op: 'run_hook', path: '/a', args: [], env: [], timeoutMs: 0, pointer: '/hooks/createContainer/0' },
    {
      op: 'run_hook',
      path: '/b',
      args: ['b', '1'],
      env: ['X=1'],
      timeoutMs: 3000,
      pointer: '/hooks/createContainer/1',
    },
  ])
})

test('sysctl: the first separator separates, the other one is part of a name (sysctl.d(5))', () => {
  const path = (key: string) => {
    const linux = { namespaces: [{ type: 'mount' }, { type: 'network' }], sysctl: { [key]: '1' } } as const
    const [sysctl] = only(planOf(withLinux({ ...linux, namespaces: [...linux.namespaces] })), 'set_sysctl')
    return [sysctl?.path, sysctl?.pointer]
  }
  assert.deepEqual(path('net.ipv4.ip_forward'), ['net/ipv4/ip_forward', '/linux/sysctl/net.ipv4.ip_forward'])
  assert.deepEqual(path('net/ipv4/ip_forward'), ['net/ipv4/ip_forward', '/linux/sysctl/net~1ipv4~1ip_forward'])
  assert.equal(path('net.ipv4.conf.eth0/100.forwarding')[0], 'net/ipv4/conf/eth0.100/forwarding')
  assert.equal(path('net/ipv4/conf/eth0.100/forwarding')[0], 'net/ipv4/conf/eth0.100/forwarding')
})

test('keyring and masked paths', () => {
  assert.equal(only(planOf(minimalSpec()), 'new_keyring')[0]?.name, '_ses.box')
  assert.deepEqual(only(planOf(minimalSpec(), { noNewKeyring: true }), 'new_keyring'), [])
  const plan = planOf(withLinux({ namespaces: [{ type: 'mount' }], maskedPaths: ['/a', '/b'], readonlyPaths: ['/c'] }))
  assert.deepEqual(only(plan, 'mask_path')[1], {
    op: 'mask_path',
    path: '/b',
    onMissing: 'skip',
    pointer: '/linux/maskedPaths/1',
  })
  assert.equal(only(plan, 'readonly_path')[0]?.pointer, '/linux/readonlyPaths/0')
})

test('what is missing from the spec is named by its place', () => {
  const { root: _, ...withoutRoot } = minimalSpec()
  assertRefused(withoutRoot, { code: 'INVALID_SPEC', pointer: '/root', message: /root must be given/ })
})

test('without a process nothing is looked up, and the container waits for a start that never comes', () => {
  const { process: _, ...withoutProcess } = minimalSpec()
  const { init } = planOf(withoutProcess)
  assert.deepEqual(
    init.filter(({ op }) => op === 'find_executable' || op === 'wait_for_start').map(({ op }) => op),
    ['wait_for_start'],
  )
})

test('what cannot be applied is refused with its place, never left out', () => {
  assertRefused(withLinux({ namespaces: [{ type: 'mount' }], intelRdt: { closID: 'guaranteed' } }), {
    code: 'UNSUPPORTED',
    pointer: '/linux/intelRdt',
    message: /is not supported/,
  })
})

test('is a pure function: the same input gives the same plan', () => {
  const spec = minimalSpec({ linux: { namespaces: [{ type: 'mount' }], resources: { memory: { limit: 1 } } } })
  const before = structuredClone(spec)
  assert.deepEqual(planOf(spec, { cgroupPath: '/x' }), planOf(spec, { cgroupPath: '/x' }))
  assert.deepEqual(spec, before)
})
