import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileResources } from '../../../../src/cgroup/limits/limits.ts'
import { limitProperties, scopeProperties } from '../../../../src/cgroup/systemd/systemd-properties.ts'
import { systemdUnit } from '../../../../src/cgroup/systemd/systemd-unit.ts'
import type { LinuxResources } from '../../../../src/spec/runtime.ts'

const INFINITY = '18446744073709551615'

/** `NAME type value…` for each. */
function propertiesOf(resources: LinuxResources): string[] {
  return limitProperties(compileResources(resources)).map(({ name, type, value }) => [name, type, ...value].join(' '))
}

test('memory, in bytes', () => {
  assert.deepEqual(propertiesOf({ memory: { limit: 64, reservation: 32, swap: 100 } }), [
    'MemorySwapMax t 36',
    'MemoryMax t 64',
    'MemoryLow t 32',
  ])
  assert.deepEqual(propertiesOf({ memory: { limit: -1 } }), [`MemorySwapMax t ${INFINITY}`, `MemoryMax t ${INFINITY}`])
})

test('a quota as time a second, up to the next percent, and its period', () => {
  const quota = (quota: number, period?: number) =>
    propertiesOf({ cpu: { quota, ...(period === undefined ? {} : { period }) } })
  assert.deepEqual(quota(50_000), ['CPUQuotaPerSecUSec t 500000', 'CPUQuotaPeriodUSec t 100000'])
  assert.deepEqual(quota(12_345, 50_000), ['CPUQuotaPerSecUSec t 250000', 'CPUQuotaPeriodUSec t 50000'])
  assert.deepEqual(quota(-1), [`CPUQuotaPerSecUSec t ${INFINITY}`, 'CPUQuotaPeriodUSec t 100000'])
})

test('weights, tasks, CPUs and memory nodes', () => {
  assert.deepEqual(propertiesOf({ cpu: { shares: 1024 }, pids: { limit: 7 } }), ['CPUWeight t 100', 'TasksMax t 7'])
  assert.deepEqual(propertiesOf({ pids: { limit: -1 } }), [`TasksMax t ${INFINITY}`])
  assert.deepEqual(propertiesOf({ blockIO: { weight: 10 } }), ['IOWeight t 1'])
  assert.deepEqual(propertiesOf({ cpu: { cpus: '0,2-3,9', mems: '0' } }), [
    'AllowedCPUs ay 8 13 2 0 0 0 0 0 0',
    'AllowedMemoryNodes ay 8 1 0 0 0 0 0 0 0',
  ])
})

test('unified: as the kernel reads it, and above what the other members say', () => {
  assert.deepEqual(propertiesOf({ memory: { limit: 64 }, unified: { 'memory.max': '2M' } }), ['MemoryMax t 2097152'])
  assert.deepEqual(propertiesOf({ unified: { 'cpu.max': 'max', 'io.weight': 'default 50' } }), [
    `CPUQuotaPerSecUSec t ${INFINITY}`,
    'IOWeight t 50',
  ])
})

test('what only newer versions of systemd know says so', () => {
  const since = (resources: LinuxResources) =>
    limitProperties(compileResources(resources)).map(({ name, since }) => [name, since])
  assert.deepEqual(since({ cpu: { idle: 1 } }), [['CPUWeight', 252]])
  assert.deepEqual(since({ unified: { 'memory.oom.group': '1' } }), [['OOMPolicy', 253]])
})

test('files that systemd never writes, and values that the kernel will refuse, are none of its business', () => {
  assert.deepEqual(
    propertiesOf({
      hugepageLimits: [{ pageSize: '2MB', limit: 1 }],
      cpu: { burst: 5 },
      unified: { 'io.weight': '8:0 50', 'memory.max': 'lots', 'cpu.max': '5 0', 'cpuset.cpus': '1-' },
    }),
    [],
  )
})

test('what every scope has', () => {
  const properties = scopeProperties(systemdUnit('a.slice:b:c', 'c'), 'c', [])
  const values = Object.fromEntries(properties.map(({ name, value }) => [name, value.join(' ')]))
  assert.equal(values.Description, 'utsuwa container c')
  assert.equal(values.Slice, 'a.slice')
  assert.equal(values.Delegate, 'true')
  assert.equal(values.DefaultDependencies, 'false')
})
