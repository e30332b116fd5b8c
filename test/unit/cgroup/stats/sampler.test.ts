import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseSample } from '../../../../src/cgroup/stats/sample.ts'
import { sampleCgroup } from '../../../../src/cgroup/stats/sample-clock.ts'
import { CgroupSampler } from '../../../../src/cgroup/stats/sampler.ts'

/** Files like a cgroup's, and whoever wants to change them. */
function directoryOf(files: Record<string, string>) {
  const path = mkdtempSync(join(tmpdir(), 'utsuwa-sampler-'))
  const write = (more: Record<string, string>): void => {
    for (const [name, text] of Object.entries(more)) writeFileSync(join(path, name), text)
  }
  write(files)
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length

test('a sample has the texts of the files that are there', () => {
  using directory = directoryOf({ 'memory.current': '4096\n', 'pids.current': '2\n', 'cpu.max': 'max 100000\n' })
  using sampler = new CgroupSampler(directory.path)
  const before = Date.now() * 1000
  const { files, atUsec } = sampler.read()!
  assert.deepEqual(files, { 'memory.current': '4096\n', 'pids.current': '2\n', 'cpu.max': 'max 100000\n' })
  // Two clocks, one of which may have been set meanwhile.
  assert.ok(Math.abs(atUsec - before) < 60_000_000, `${atUsec} and ${before}`)
})

test('a sample has what is in the files now, except for limits, unless all is asked for', () => {
  using directory = directoryOf({ 'memory.current': '1\n', 'memory.max': 'max\n' })
  using sampler = new CgroupSampler(directory.path)
  sampler.read()
  directory.write({ 'memory.current': '22\n' })
  assert.equal(sampler.read()!.files['memory.current'], '22\n')
  directory.write({ 'memory.current': '3\n', 'memory.max': '64\n' })
  assert.deepEqual(sampler.read({ all: true })!.files, { 'memory.current': '3\n', 'memory.max': '64\n' })
})

test('a sampler lets go of its descriptors, and has no samples then', () => {
  using directory = directoryOf({ 'memory.current': '1\n', 'cpu.stat': 'usage_usec 1\n' })
  const before = openDescriptors()
  const sampler = new CgroupSampler(directory.path)
  assert.equal(openDescriptors(), before + 2)
  sampler[Symbol.dispose]()
  assert.equal(openDescriptors(), before)
  assert.equal(sampler.read(), undefined)
})

test('of a cgroup that is not there the end is told, once', async () => {
  let ends = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = (): void => {
    ends++
    resolve()
  }
  const sampling = sampleCgroup('/nowhere', 1, { onSample: () => assert.fail(), onEnd: end })
  await promise
  sampling.end()
  sampling[Symbol.dispose]()
  assert.equal(ends, 1)
})

for (const intervalMs of [5, 60])
  test(`several cgroups are sampled every ${intervalMs} ms, until each is let go of`, async () => {
    using directory = directoryOf({ 'pids.current': '1\n' })
    using other = directoryOf({ 'pids.current': '2\n' })
    const seen: string[] = []
    const times: number[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const listen = (path: string) =>
      sampleCgroup(path, intervalMs, {
        onSample: ({ files, atUsec }) => {
          seen.push(files['pids.current']!)
          if (files['pids.current'] === '2\n') times.push(atUsec)
          if (seen.filter(text => text === '1\n').length >= 3 && times.length >= 3) resolve()
        },
        onEnd: ended.resolve,
      })
    const [first, second] = [listen(directory.path), listen(other.path)]
    await promise
    first[Symbol.dispose]()
    other.write({ 'pids.current': '3\n' })
    const count = seen.length
    second.end()
    await ended.promise
    assert.ok(!seen.slice(count).includes('1\n'), 'nothing comes of the first one')
    assert.equal(seen.at(-1), '3\n', 'the last sample is taken at the end')
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    )
  })

test('a sample as figures', () => {
  const parsed = parseSample({
    atUsec: 7,
    files: {
      'memory.current': '4096\n',
      'memory.events': 'low 0\nhigh 2\nmax 3\noom 1\noom_kill 1\n',
      'memory.stat': 'anon 100\nfile 200\n',
      'memory.max': '8192\n',
      'memory.high': 'max\n',
      'memory.low': '0\n',
      'memory.swap.events': 'high 0\nmax 4\nfail 5\n',
      'cpu.max': '50000 100000\n',
      'cpu.weight': '100\n',
      'pids.max': 'max\n',
      'io.max': '8:0 rbps=1048576 wbps=max riops=max wiops=max\n',
      'cgroup.events': 'populated 1\nfrozen 1\n',
    },
  })
  assert.equal(parsed.atUsec, 7)
  assert.equal(parsed.memory?.events.high, 2)
  assert.equal(parsed.memoryStat.get('file'), 200)
  assert.equal(parsed.frozen, true)
  assert.deepEqual(parsed.swapEvents, { max: 4, fail: 5 })
  assert.deepEqual(parsed.limits, {
    memoryMaxBytes: 8192,
    cpuQuotaUsec: 50000,
    cpuPeriodUsec: 100000,
    cpuWeight: 100,
    io: ['8:0 rbps=1048576 wbps=max riops=max wiops=max'],
  })
})
