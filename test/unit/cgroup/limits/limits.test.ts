import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileResources } from '../../../../src/cgroup/limits/limits.ts'
import { sharesToWeight } from '../../../../src/cgroup/limits/limits-cpu.ts'
import { UtsuwaError, type UtsuwaErrorCode } from '../../../../src/errors.ts'
import type { LinuxResources } from '../../../../src/spec/runtime.ts'

/** `file = value` of each write, in order. */
function writes(resources: LinuxResources): string[] {
  return compileResources(resources).map(
    ({ file, value, onMissing }) => `${file}${onMissing === 'skip' ? '?' : ''} = ${value}`,
  )
}

function controllers(resources: LinuxResources): (string | undefined)[] {
  return compileResources(resources).map(({ controller }) => controller)
}

function assertRefused(resources: LinuxResources, code: UtsuwaErrorCode, pointer: string, message?: RegExp): void {
  assert.throws(
    () => compileResources(resources),
    (error: unknown) => {
      assert.ok(error instanceof UtsuwaError)
      assert.equal(error.code, code, error.message)
      assert.equal(error.configPointer, pointer)
      if (message) assert.match(error.message, message)
      return true
    },
  )
}

test('says where each write comes from and what it needs', () => {
  assert.deepEqual(compileResources({ memory: { limit: 67108864 } }), [
    {
      file: 'memory.max',
      value: '67108864',
      controller: 'memory',
      pointer: '/linux/resources/memory/limit',
      onMissing: 'fail',
    },
  ])
})

test('memory: swap is the sum on v1 and alone on v2, and is written first', () => {
  assert.deepEqual(writes({ memory: { limit: 100, swap: 150, reservation: 50 } }), [
    'memory.swap.max = 50',
    'memory.max = 100',
    'memory.low = 50',
  ])
  assert.deepEqual(writes({ memory: { limit: 100, swap: 100 } }), ['memory.swap.max = 0', 'memory.max = 100'])
  assert.deepEqual(writes({ memory: { limit: 100, swap: -1 } }), ['memory.swap.max = max', 'memory.max = 100'])
  assert.deepEqual(writes({ memory: { limit: -1 } }), ['memory.swap.max = max', 'memory.max = max'])
  assert.deepEqual(writes({ memory: { limit: 2n ** 62n, swap: 2n ** 62n + 1n } }), [
    'memory.swap.max = 1',
    'memory.max = 4611686018427387904',
  ])
  assert.deepEqual(
    writes({ memory: { limit: 0, swap: 0, reservation: 0, kernel: 0, kernelTCP: -1, checkBeforeUpdate: true } }),
    [],
  )
})

test('memory: contradictions and what v1 alone has', () => {
  assertRefused({ memory: { limit: 100, swap: 50 } }, 'INVALID_SPEC', '/linux/resources/memory/swap')
  assertRefused({ memory: { swap: 50 } }, 'INVALID_SPEC', '/linux/resources/memory/swap')
  assertRefused({ memory: { limit: -2 } }, 'INVALID_SPEC', '/linux/resources/memory/limit')
  assertRefused({ memory: { kernel: 5 } }, 'UNSUPPORTED', '/linux/resources/memory/kernel', /memory\.max includes/)
  assertRefused({ memory: { kernelTCP: 5 } }, 'UNSUPPORTED', '/linux/resources/memory/kernelTCP')
  assertRefused(
    { memory: { swappiness: 0 } },
    'UNSUPPORTED',
    '/linux/resources/memory/swappiness',
    /^memory\.swappiness does not exist on cgroup v2: .*memory\.swap\.max/,
  )
  assertRefused(
    { memory: { disableOOMKiller: true } },
    'UNSUPPORTED',
    '/linux/resources/memory/disableOOMKiller',
    /memory\.high/,
  )
  assert.deepEqual(writes({ memory: { disableOOMKiller: false } }), [])
})

test('cpu: shares become a weight that keeps ends and default', () => {
  assert.deepEqual([0, 2, 1024, 262144, 999999].map(sharesToWeight), [1, 1, 100, 10000, 10000])
  assert.deepEqual([512, 2048].map(sharesToWeight), [59, 174])
  for (let shares = 2; shares < 262144; shares += 1237) {
    assert.ok(sharesToWeight(shares) <= sharesToWeight(shares + 1237))
  }
})

test('cpu: bandwidth, burst, cpuset', () => {
  assert.deepEqual(writes({ cpu: { quota: 50000, period: 100000, burst: 1000, cpus: '0-1', mems: '0' } }), [
    'cpu.max = 50000 100000',
    'cpu.max.burst = 1000',
    'cpuset.cpus = 0-1',
    'cpuset.mems = 0',
  ])
  assert.deepEqual(writes({ cpu: { quota: 5000 } }), ['cpu.max = 5000 100000'])
  assert.deepEqual(writes({ cpu: { quota: -1 } }), ['cpu.max = max 100000'])
  assert.deepEqual(writes({ cpu: { period: 20000 } }), ['cpu.max = max 20000'])
  assert.deepEqual(writes({ cpu: { quota: 0, period: 0, shares: 0, cpus: '' } }), [])
  assertRefused({ cpu: { quota: 5, burst: 6 } }, 'INVALID_SPEC', '/linux/resources/cpu/burst')
  assertRefused({ cpu: { realtimeRuntime: 5 } }, 'UNSUPPORTED', '/linux/resources/cpu/realtimeRuntime')
  assert.deepEqual(controllers({ cpu: { quota: 1, cpus: '0', shares: 2 } }), ['cpu', 'cpu', 'cpuset'])
})

test('cpu: a weight is written while the cgroup is not idle', () => {
  assert.deepEqual(writes({ cpu: { idle: 1, shares: 1024 } }), ['cpu.weight = 100', 'cpu.idle = 1'])
  assert.deepEqual(writes({ cpu: { idle: 0, shares: 1024 } }), ['cpu.idle = 0', 'cpu.weight = 100'])
})

test('pids', () => {
  assert.deepEqual(
    [5, -1, 0].map(limit => writes({ pids: { limit } })[0]),
    ['pids.max = 5', 'pids.max = max', 'pids.max = max'],
  )
  assert.deepEqual(writes({ pids: {} }), [])
})

test('blockIO: weights for both mechanisms, throttles by device', () => {
  const resources: LinuxResources = {
    blockIO: {
      weight: 10,
      weightDevice: [{ major: 8, minor: 0, weight: 1000 }],
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 600 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0 }],
    },
  }
  assert.deepEqual(writes(resources), [
    'io.bfq.weight? = 10',
    'io.weight = 1',
    'io.bfq.weight? = 8:0 1000',
    'io.weight = 8:0 10000',
    'io.max = 8:0 rbps=600',
    'io.max = 8:16 wiops=max',
  ])
  assert.equal(compileResources(resources).at(-1)!.pointer, '/linux/resources/blockIO/throttleWriteIOPSDevice/0')
  assertRefused({ blockIO: { leafWeight: 10 } }, 'UNSUPPORTED', '/linux/resources/blockIO/leafWeight')
  assertRefused(
    { blockIO: { weight: 5 } },
    'INVALID_SPEC',
    '/linux/resources/blockIO/weight',
    /from 10 to 1000, found 5/,
  )
})

test('hugepages and rdma', () => {
  assert.deepEqual(
    writes({
      hugepageLimits: [{ pageSize: '2MB', limit: 4194304 }],
      rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10 }, x: { hcaObjects: 1 } },
    }),
    [
      'hugetlb.2MB.rsvd.max? = 4194304',
      'hugetlb.2MB.max = 4194304',
      'rdma.max = mlx5_1 hca_handle=3 hca_object=10',
      'rdma.max = x hca_object=1',
    ],
  )
})

test('network classes do not exist on v2', () => {
  assertRefused({ network: { classID: 1 } }, 'UNSUPPORTED', '/linux/resources/network/classID', /nftables/)
  assertRefused(
    { network: { priorities: [{ name: 'eth0', priority: 1 }] } },
    'UNSUPPORTED',
    '/linux/resources/network/priorities',
  )
  assert.deepEqual(writes({ network: { classID: 0, priorities: [] } }), [])
})

test('unified: any file of a controller, a write a line, last', () => {
  const resources: LinuxResources = {
    unified: { 'io.max': '8:0 rbps=1\n8:16 wiops=2\n', 'memory.high': '64M', 'cgroup.max.depth': '5' },
    pids: { limit: 1 },
  }
  assert.deepEqual(writes(resources), [
    'pids.max = 1',
    'io.max = 8:0 rbps=1',
    'io.max = 8:16 wiops=2',
    'memory.high = 64M',
    'cgroup.max.depth = 5',
  ])
  assert.deepEqual(controllers(resources), ['pids', 'io', 'io', 'memory', undefined])
  for (const name of ['../x', 'a/b', 'memory', 'memory..high', '.x', '__proto__', 'cgroup.procs', 'cgroup.freeze']) {
    const unified = Object.fromEntries([[name, '1']])
    assertRefused({ unified }, 'INVALID_SPEC', `/linux/resources/unified/${name.replaceAll('/', '~1')}`)
  }
})
