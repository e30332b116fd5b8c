/** `--systemd-cgroup`: a container is a scope of systemd, which people and engines see and stop as such. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Scope, SLICE, systemctl, until } from './support.ts'

const limits = {
  memory: { limit: 64 << 20, reservation: 16 << 20, swap: 80 << 20 },
  cpu: { shares: 512, quota: 50_000, period: 100_000 },
  pids: { limit: 33 },
}
const files = ['memory.max', 'memory.low', 'memory.high', 'memory.swap.max', 'cpu.max', 'pids.max']

test('a container is a delegated scope in its slice, and no daemon-reload undoes its limits', async t => {
  const scope = new Scope(t, ['sleep', '1000'], spec => {
    spec.linux!.resources = { ...spec.linux!.resources, ...limits, unified: { 'memory.high': '33554432' } }
    spec.annotations = { 'org.systemd.property.TimeoutStopSec': '7' }
  })
  const pid = await scope.start()
  assert.equal(scope.read('cgroup.procs'), String(pid))
  const tree = execFileSync('systemd-cgls', ['--no-pager', '--full'], { encoding: 'utf8' })
  assert.ok(tree.includes(scope.unit), tree)
  assert.deepEqual(
    ['Slice', 'Delegate', 'DefaultDependencies', 'MemoryMax', 'TasksMax', 'CPUQuotaPerSecUSec', 'TimeoutStopUSec'].map(
      name => scope.property(name),
    ),
    [SLICE, 'yes', 'no', '67108864', '33', '500ms', '7s'],
  )
  const before = ['67108864', '16777216', '33554432', '16777216', '50000 100000', '33']
  const read = (): string[] => files.map(file => scope.read(file))
  const weight = scope.read('cpu.weight')
  assert.deepEqual(read(), before)
  systemctl('daemon-reload')
  assert.deepEqual(read(), before)
  assert.equal(scope.read('cpu.weight'), weight)

  // Memory is 1:1, which no container may read.
  const script = 'busybox mknod /dev/memory c 1 1 && cat /dev/memory'
  const { stderr } = await scope.ground.call(['exec', scope.id, 'sh', '-c', script])
  assert.match(stderr, /not permitted/i)

  await scope.ground.succeed(['update', '--pids-limit', '44', '--cpu-quota', '25000', scope.id])
  assert.equal(scope.property('TasksMax'), '44')
  assert.equal(scope.property('CPUQuotaPerSecUSec'), '250ms')
  systemctl('daemon-reload')
  assert.deepEqual(read(), [...before.slice(0, 4), '25000 100000', '44'])
})

test('its cgroup is the root of its cgroup namespace, and the cgroup of what is executed in it', async t => {
  const scope = new Scope(t, ['sh', '-c', 'cat /proc/self/cgroup >/out/cgroup; sleep 1000'], (spec, { ground }) => {
    spec.mounts!.push({ destination: '/out', type: 'bind', source: ground.directory, options: ['bind', 'rw'] })
  })
  await scope.start()
  const seen = join(scope.ground.directory, 'cgroup')
  await until(() => existsSync(seen) && readFileSync(seen, 'utf8') !== '', 'the file')
  assert.equal(readFileSync(seen, 'utf8'), '0::/\n')
  assert.equal((await scope.ground.succeed(['exec', scope.id, 'cat', '/proc/self/cgroup'])).stdout, '0::/\n')
})

test('a process that forks on its way, into a PID namespace it joins, ends in the scope as well', async t => {
  const scope = new Scope(t, ['sleep', '1000'], spec => {
    const { namespaces = [] } = spec.linux!
    spec.linux!.namespaces = namespaces.map(({ type }) =>
      type === 'pid' ? { type, path: '/proc/1/ns/pid' } : { type },
    )
  })
  const pid = await scope.start()
  assert.equal(scope.read('cgroup.procs'), String(pid))
})

test('so does one with a user namespace', async t => {
  const scope = new Scope(t, ['sleep', '1000'], spec => {
    spec.linux!.namespaces!.push({ type: 'user' })
    spec.linux!.uidMappings = [{ containerID: 0, hostID: 0, size: 1000 }]
    spec.linux!.gidMappings = [{ containerID: 0, hostID: 0, size: 1000 }]
  })
  const pid = await scope.start()
  assert.equal(scope.read('cgroup.procs'), String(pid))
})
