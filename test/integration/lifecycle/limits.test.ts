/** Limits hold, and the result says which one was hit. Needs cgroup v2 with the controllers memory, cpu and pids. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { create } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'
import { runPrinting, sh } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

test('memory: a process that takes too much is killed, and the limit was the container’s own', async () => {
  const { result } = await runPrinting(sandbox, ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1'], {
    memory: '32MiB',
  })
  assert.equal(result.exitCode, 137)
  assert.equal(result.signal, 'SIGKILL')
  assert.equal(result.oom?.level, 'container')
  assert.ok(result.oom.kills >= 1)
  // memory.peak came with Linux 5.19 and may pass the limit by what the kernel could not refuse
  const peak = result.usage.memoryPeakBytes
  assert.ok(peak === undefined || (peak > 16 * 2 ** 20 && peak < 40 * 2 ** 20), `peak ${peak}`)
})

test('memory: a child that is killed is counted, though the container goes on', async () => {
  const { result, stdout } = await sh(sandbox, 'dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; echo $?', {
    memory: '32MiB',
  })
  assert.equal(stdout, '137\n')
  assert.deepEqual([result.exitCode, result.signal, result.oom?.level], [0, undefined, 'container'])
})

test('memory: within the limit nothing happens', async () => {
  const { result } = await sh(sandbox, 'dd if=/dev/zero of=/dev/null bs=8M count=2', { memory: '32MiB' })
  assert.deepEqual([result.exitCode, result.oom], [0, undefined])
})

test('cpus: half of one is what a busy loop gets', async () => {
  // not as the last command, which the shell would become: PID 1 does not feel what is sent from inside
  const { result } = await sh(sandbox, 'timeout 5 sh -c "while :; do :; done"; exit 0', { cpus: 0.5 })
  const { cpuUserMicroseconds, cpuSystemMicroseconds, cpuThrottledPeriods } = result.usage
  const share = (cpuUserMicroseconds + cpuSystemMicroseconds) / result.phases.run
  assert.ok(share > 0.45 && share < 0.55, `${(share * 100).toFixed(1)} %`)
  assert.ok(cpuThrottledPeriods !== undefined && cpuThrottledPeriods > 10)
})

test('pids: forks beyond the limit are refused', async () => {
  // bounded: forty children at the most, which end by themselves
  const script = 'i=0; while [ $i -lt 40 ]; do sleep 3 & i=$((i+1)); done; ls -d /proc/[0-9]* | wc -l'
  const { result, stderr } = await sh(sandbox, script, { pids: 16 })
  assert.match(stderr, /can't fork/)
  assert.ok(result.usage.pidsPeak === undefined || result.usage.pidsPeak <= 16)
})

test('each limit is what the kernel says it is', async () => {
  const read = 'for f in memory.max memory.low pids.max cpu.max cpu.weight memory.high; do cat /sys/fs/cgroup/$f; done'
  const { stdout } = await sh(sandbox, read, {
    memory: '64MiB',
    memoryReservation: '16MiB',
    pids: 20,
    cpus: 0.25,
    unified: { 'memory.high': '50331648' },
  })
  const [max, low, pids, cpu, , high] = stdout.trim().split('\n')
  assert.deepEqual([max, low, pids, cpu, high], ['67108864', '16777216', '20', '25000 100000', '50331648'])
})

test('a container cannot lift its own limit', async () => {
  const { stdout } = await sh(sandbox, 'echo max 2>&1 > /sys/fs/cgroup/memory.max; cat /sys/fs/cgroup/memory.max', {
    memory: '32MiB',
  })
  assert.match(stdout, /33554432\n$/)
})

test('memory: an event tells of each kill, before the exit', async () => {
  await using box = await create({
    rootfs: sandbox.rootfs,
    runRoot: sandbox.runRoot,
    args: ['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; exit 0'],
    memory: '32MiB',
    stdio: 'ignore',
  })
  const events = Array.fromAsync(box.events())
  await box.start()
  const types = (await events).map(event => (event.type === 'oom' ? `${event.type} ${event.kills}` : event.type))
  assert.deepEqual(types, ['start', 'oom 1', 'exit'])
})
