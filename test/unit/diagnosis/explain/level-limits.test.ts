import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CgroupLevel, findBindings, readLevels } from '../../../../src/diagnosis/explain/level-limits.ts'

function hierarchy(t: TestContext, levels: Readonly<Record<string, Readonly<Record<string, string>>>>): CgroupLevel[] {
  const mount = mkdtempSync(join(tmpdir(), 'utsuwa-levels-'))
  t.after(() => rmSync(mount, { recursive: true }))
  for (const [path, files] of Object.entries(levels)) {
    mkdirSync(join(mount, path), { recursive: true })
    for (const [file, text] of Object.entries(files)) writeFileSync(join(mount, path, file), `${text}\n`)
  }
  return readLevels(mount, Object.keys(levels).at(-1)!)
}

test('the smallest limit binds, the lowest of equal ones, and where least is left is said', t => {
  const levels = hierarchy(t, {
    '/': {},
    '/a': {
      'memory.max': '4000',
      'memory.current': '3900',
      'pids.max': '10',
      'pids.current': '3',
      'cpu.max': '50000 100000',
    },
    '/a/b': {
      'memory.max': '1000',
      'memory.current': '100',
      'pids.max': '10',
      'pids.current': '1',
      'cpu.max': 'max 100000',
    },
  })
  const bindings = findBindings(levels)
  assert.deepEqual(
    bindings.map(({ resource, path, limit }) => [resource, path, limit]),
    [
      ['memory', '/a/b', 1000],
      ['cpu', '/a', 0.5],
      ['pids', '/a/b', 10],
    ],
  )
  assert.deepEqual(bindings[0]?.tightest, { path: '/a', left: 100 })
})

test('without limits nothing binds, and what is not there is left out', t => {
  const [root, level] = hierarchy(t, { '/': {}, '/a': { 'memory.max': 'max', 'memory.current': '5' } })
  assert.deepEqual(root?.bounds, {})
  assert.deepEqual(level?.bounds, { memory: { limit: Number.POSITIVE_INFINITY, used: 5 } })
  assert.deepEqual(findBindings([root!, level!]), [])
})

test('settings are what differs from the kernel’s own', t => {
  const levels = hierarchy(t, {
    '/a': {
      'cpu.weight': '100',
      'memory.low': '4096',
      'io.max': '8:0 rbps=1 wbps=max\n8:16 rbps=2 wbps=max',
      'cpuset.cpus': '0-1',
      'hugetlb.2MB.max': '9223372036854771712',
      'cpu.stat': 'usage_usec 1\nnr_throttled 3',
    },
  })
  assert.deepEqual(levels.at(-1)?.settings, {
    'memory.low': '4096',
    'cpuset.cpus': '0-1',
    'io.max': '8:0 rbps=1 wbps=max; 8:16 rbps=2 wbps=max',
  })
  assert.equal(levels.at(-1)?.throttledPeriods, 3)
})
