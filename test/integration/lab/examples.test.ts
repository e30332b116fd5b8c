/** Each example of examples/lab does what its comment says. Bounds follow from the kernel's rules, not from the machine's speed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { type ExperimentInput, type LabResults, lab } from '../../../src/index.ts'
import { makeSandbox } from '../../support/busybox-root.ts'

const directory = join(import.meta.dirname, '../../../examples/lab')
const MIB = 2 ** 20

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

/** The example as it is, but for its image, which is a directory here, and for what makes it shorter. */
async function run(name: string, changes: ExperimentInput = {}): Promise<LabResults> {
  const { image: _, ...example } = parse(readFileSync(join(directory, `${name}.yaml`), 'utf8')) as ExperimentInput
  const { rootfs, runRoot, scratch } = sandbox
  await lab.run({ rootfs, ...example, ...changes, repeats: 1 }, { runRoot, out: join(scratch, name) })
  // What a script gets is what is asserted on.
  return JSON.parse(readFileSync(join(scratch, name, 'results.json'), 'utf8'))
}

/** By the values of the knobs, `20M max`: what is known of the container, or of all containers. */
function byKnobs({ runs }: LabResults) {
  return new Map(runs.map(({ knobs, containers }) => [knobs.map(({ value }) => value).join(' '), containers.main!]))
}

function exits(results: LabResults): Record<string, string> {
  return Object.fromEntries([...byKnobs(results)].map(([knobs, { exit }]) => [knobs, exit]))
}

/** A metric that is a number, by the values of the knobs. */
function figures(results: LabResults, metric: string): Record<string, number> {
  return Object.fromEntries(
    [...byKnobs(results)].map(([knobs, { metrics, exit, output }]) => {
      assert.equal(typeof metrics[metric], 'number', `${metric} of ${knobs}: ${exit}; ${output}`)
      return [knobs, metrics[metric] as number]
    }),
  )
}

const tested = new Set<string>()
function example(name: string, body: () => Promise<void>): void {
  tested.add(name)
  test(name, body)
}

example('oom-at-the-edge', async () => {
  const results = await run('oom-at-the-edge')
  const killed = 'out of memory (container)'
  assert.deepEqual(exits(results), { '16M': killed, '20M': killed, '24M': 'exit 0', '32M': 'exit 0' })
  const peak = figures(results, 'peak')
  // What succeeds needs the same whatever it may have, and what is killed has had all that it may have.
  for (const knob of ['24M', '32M']) assert.ok(peak[knob]! > 22 * MIB && peak[knob]! < 24 * MIB, JSON.stringify(peak))
  for (const knob of [16, 20]) assert.ok(Math.abs(peak[`${knob}M`]! - knob * MIB) < MIB / 2, JSON.stringify(peak))
})

example('high-against-max', async () => {
  const results = await run('high-against-max')
  const killed = 'out of memory (container)'
  assert.deepEqual(exits(results), { 'max max': 'exit 0', 'max 20M': killed, '20M max': 'exit 0', '20M 20M': killed })
  const high = figures(results, 'memory-high')
  assert.ok(high['20M max']! > 0 && high['max max'] === 0, JSON.stringify(high))
  const peak = figures(results, 'peak')
  assert.ok(peak['20M max']! > 20 * MIB && peak['max 20M']! <= 20 * MIB, JSON.stringify(peak))
})

example('cpu-max-latency', async () => {
  const results = await run('cpu-max-latency', { env: { REQUESTS: 6 } })
  const throttled = figures(results, 'throttled')
  assert.equal(throttled['max 100000'], 0)
  for (const quota of ['20000 100000', '50000 100000', '5000 10000'])
    assert.ok(throttled[quota]! > 20, JSON.stringify(throttled))
  // A request that meets the end of the quota waits for the rest of the period, which is at least 80 ms of it.
  assert.ok(figures(results, 'p99')['20000 100000']! >= 60)
  // The quota of one period may be used before the first is over.
  assert.ok(figures(results, 'cpus')['20000 100000']! < 0.4)
})

example('cpu-burst', async () => {
  const results = await run('cpu-burst', { env: { ROUNDS: 3 } })
  const bursts = figures(results, 'bursts')
  assert.equal(bursts['0'], 0)
  assert.ok(bursts['20000']! > 0, JSON.stringify(bursts))
  assert.ok(figures(results, 'throttled-periods')['0']! > 0)
})

example('cpu-weight', async () => {
  const { containers } = parse(readFileSync(join(directory, 'cpu-weight.yaml'), 'utf8')) as ExperimentInput
  // Where there is one CPU, nobody needs to be held on it; and User Mode Linux, which has one, has no cpusets.
  const weights = Object.entries(containers!).map(([name, { limits }]) => [
    name,
    { limits: { 'cpu.weight': limits!['cpu.weight']! } },
  ])
  const hasCpusets = readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').includes('cpuset')
  const results = await run('cpu-weight', hasCpusets ? {} : { containers: Object.fromEntries(weights) })
  const [cpu] = results.runs.map(
    ({ containers }) =>
      (name: string) =>
        containers[name]!.metrics.cpu as number,
  )
  const told = JSON.stringify(results.runs[0]!.containers)
  assert.ok(cpu!('middle') > 1.3 * cpu!('light') && cpu!('heavy') > 1.3 * cpu!('middle'), told)
  assert.ok(cpu!('heavy') < 8 * cpu!('light'), told)
})

example('pids-bomb', async () => {
  const results = await run('pids-bomb')
  assert.deepEqual(figures(results, 'pids'), { 8: 8, 16: 16, 32: 32 })
  for (const [knob, refused] of Object.entries(figures(results, 'forks-refused'))) assert.ok(refused >= 1, knob)
  assert.deepEqual(exits(results), { 8: 'exit 2', 16: 'exit 2', 32: 'exit 2' })
})

example('io-max', async () => {
  const limits = ['wbps=1M', 'wbps=4M', 'wbps=max'].map(limit => `${sandbox.rootfs} ${limit}`)
  const results = await run('io-max', { sweep: { 'io.max': limits } })
  const [slow, faster, free] = results.runs.map(({ containers }) => containers.main!)
  assert.deepEqual([slow!.exit, faster!.exit, free!.exit], ['exit 0', 'exit 0', 'exit 0'], slow!.output)
  for (const each of [slow!, faster!, free!]) assert.ok((each.metrics.written as number) >= 2 * MIB, each.output)
  // 2 MiB at 1 and at 4 MiB/s, and less only by what may go out ahead of its time.
  assert.ok(slow!.seconds > 1.2 && faster!.seconds > 0.3, `${slow!.seconds} ${faster!.seconds}`)
})

example('swap', async () => {
  const file = join(sandbox.scratch, 'swap-file')
  execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', 'count=64', 'status=none'])
  execFileSync('chmod', ['600', file])
  execFileSync('mkswap', ['--quiet', file])
  execFileSync('swapon', [file])
  try {
    const results = await run('swap')
    assert.deepEqual(exits(results), { 0: 'out of memory (container)', '32M': 'exit 0' })
    assert.ok(figures(results, 'peak')['32M']! <= 16 * MIB)
  } finally {
    execFileSync('swapoff', [file])
  }
})

example('nested', async () => {
  const results = await run('nested')
  assert.deepEqual(exits(results), {
    '16M 20M': 'out of memory (container)',
    '16M 96M': 'out of memory (container)',
    '48M 20M': 'out of memory (parent)',
    '48M 96M': 'exit 0',
  })
})

test('every example is tested, here or in test/integration/controllers/resources.test.ts', () => {
  const files = readdirSync(directory).map(name => name.replace(/\.yaml$/, ''))
  assert.deepEqual(files.sort(), [...tested, 'pressure'].sort())
})
