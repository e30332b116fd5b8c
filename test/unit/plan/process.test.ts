import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinuxMemoryPolicy, Process } from '../../../src/spec/runtime.ts'
import { assertRefused, minimalSpec, names, only, planOf, withLinux } from './support.ts'

const planWith = (process: Partial<Process>) => planOf(minimalSpec({ process }))
const seccomp = { defaultAction: 'SCMP_ACT_ALLOW' } as const

test('rlimits: −1 and 2^64−1 are both RLIM_INFINITY', () => {
  const plan = planWith({
    rlimits: [
      { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 },
      { type: 'RLIMIT_CORE', soft: -1, hard: 2n ** 64n - 1n },
      { type: 'RLIMIT_RTTIME', soft: 0, hard: -1 },
    ],
  })
  const infinity = 2n ** 64n - 1n
  assert.deepEqual(only(plan, 'set_rlimit'), [
    { op: 'set_rlimit', resource: 7, soft: 1024n, hard: 4096n, pointer: '/process/rlimits/0' },
    { op: 'set_rlimit', resource: 4, soft: infinity, hard: infinity, pointer: '/process/rlimits/1' },
    { op: 'set_rlimit', resource: 15, soft: 0n, hard: infinity, pointer: '/process/rlimits/2' },
  ])
  assertRefused(minimalSpec({ process: { rlimits: [{ type: 'RLIMIT_MAGIC', soft: 1, hard: 1 }] } }), {
    code: 'INVALID_SPEC',
    pointer: '/process/rlimits/0/type',
    message: /RLIMIT_MAGIC is no resource limit/,
  })
})

test('an ambient capability that is not permitted and inheritable too is left out, as the kernel has it', () => {
  const [capabilities] = only(
    planWith({
      capabilities: {
        bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID'],
        permitted: ['CAP_CHOWN', 'CAP_KILL'],
        effective: ['CAP_CHOWN'],
        inheritable: ['CAP_KILL', 'CAP_SETUID'],
        ambient: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID'],
      },
    }),
    'set_capabilities',
  )
  const bit = { CHOWN: 1n << 0n, KILL: 1n << 5n, SETUID: 1n << 7n }
  assert.equal(capabilities?.permitted, bit.CHOWN | bit.KILL)
  assert.equal(capabilities?.effective, bit.CHOWN)
  assert.equal(capabilities?.inheritable, bit.KILL | bit.SETUID)
  assert.equal(capabilities?.ambient, bit.KILL)
})

test('without capabilities in the spec none is left', () => {
  const plan = planWith({})
  assert.equal(only(plan, 'set_bounding_capabilities')[0]?.bounding, 0n)
  assert.equal(only(plan, 'set_capabilities')[0]?.permitted, 0n)
})

test('a capability that nobody knows is left out', () => {
  const plan = planWith({ capabilities: { bounding: ['CAP_FUTURE', 'CAP_CHOWN'] } })
  assert.equal(only(plan, 'set_bounding_capabilities')[0]?.bounding, 1n)
})

test('with no_new_privs the filter is loaded last; without, while CAP_SYS_ADMIN is still there', () => {
  const spec = (noNewPrivileges: boolean) =>
    minimalSpec({ process: { noNewPrivileges }, linux: { namespaces: [{ type: 'mount' }], seccomp } })
  const last = (noNewPrivileges: boolean) => {
    const operations = names(planOf(spec(noNewPrivileges)).init)
    return operations.slice(operations.indexOf('announce') + 1)
  }
  assert.deepEqual(last(true), ['set_capabilities', 'set_no_new_privs', 'load_seccomp', 'exec'])
  assert.deepEqual(last(false), ['load_seccomp', 'set_capabilities', 'exec'])
})

test('the bounding set goes before the user, who may not have CAP_SETPCAP', () => {
  const operations = names(planWith({ user: { uid: 1000, gid: 1000 } }).init)
  assert.ok(operations.indexOf('set_bounding_capabilities') < operations.indexOf('set_user'))
})

test('user: groups as little-endian numbers, umask 022 unless the spec has one', () => {
  const [first] = only(planWith({ user: { uid: 1, gid: 2, additionalGids: [3, 70000] } }), 'set_user')
  assert.deepEqual(first, {
    op: 'set_user',
    uid: 1,
    gid: 2,
    groups: Uint8Array.from([3, 0, 0, 0, 0x70, 0x11, 1, 0]),
    umask: 0o022,
    pointer: '/process/user',
  })
  assert.equal(only(planWith({ user: { uid: 0, gid: 0, umask: 0 } }), 'set_user')[0]?.umask, 0)
})

test("the command is looked up in the last PATH of the container's environment", () => {
  const search = (env?: string[]) =>
    only(planWith(env === undefined ? {} : { env, args: ['sh', '-c', 'x'] }), 'find_executable')[0]
  assert.deepEqual(search(['PATH=/a', 'X=1', 'PATH=/b:/c']), {
    op: 'find_executable',
    file: 'sh',
    searchPath: '/b:/c',
    pointer: '/process/args/0',
  })
  assert.equal(search(['PATH='])?.searchPath, '')
  assert.equal(search()?.searchPath, '/bin:/usr/bin')
})

test('scheduling, priorities, oom score, labels', () => {
  const plan = planWith({
    oomScoreAdj: -500,
    scheduler: {
      policy: 'SCHED_DEADLINE',
      flags: ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_DL_OVERRUN'],
      runtime: 1,
      deadline: 2,
      period: 3n,
    },
    ioPriority: { class: 'IOPRIO_CLASS_IDLE', priority: 7 },
    apparmorProfile: 'docker-default',
    selinuxLabel: 'system_u:system_r:container_t:s0',
  })
  assert.equal(only(plan, 'set_oom_score_adj')[0]?.value, -500)
  assert.deepEqual(only(plan, 'set_scheduler')[0], {
    op: 'set_scheduler',
    policy: 6,
    flags: 5,
    nice: 0,
    priority: 0,
    runtime: 1,
    deadline: 2,
    period: 3n,
    pointer: '/process/scheduler',
  })
  assert.equal(only(plan, 'set_io_priority')[0]?.value, (3 << 13) | 7)
  assert.deepEqual(
    only(plan, 'set_exec_label').map(({ lsm, label }) => [lsm, label]),
    [
      ['apparmor', 'docker-default'],
      ['selinux', 'system_u:system_r:container_t:s0'],
    ],
  )
})

test('memory policy: the mode with its flags, and the nodes as a mask', () => {
  const policy = (memoryPolicy: LinuxMemoryPolicy) =>
    only(planOf(withLinux({ namespaces: [{ type: 'mount' }], memoryPolicy })), 'set_memory_policy')[0]
  assert.deepEqual(policy({ mode: 'MPOL_BIND', nodes: '0,2-3', flags: ['MPOL_F_STATIC_NODES'] }), {
    op: 'set_memory_policy',
    mode: 0x8002,
    nodes: Uint8Array.of(0b1101, 0, 0, 0, 0, 0, 0, 0),
    pointer: '/linux/memoryPolicy',
  })
  assert.deepEqual(policy({ mode: 'MPOL_LOCAL' })?.nodes, new Uint8Array())
  assert.deepEqual(only(planOf(minimalSpec()), 'set_memory_policy'), [])
})
