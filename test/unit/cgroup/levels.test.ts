import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { levelsTo, outOfMemoryAbove } from '../../../src/cgroup/levels.ts'

test('levels from the root to a cgroup', () => {
  assert.deepEqual(levelsTo('/'), ['/'])
  assert.deepEqual(levelsTo('/a/b'), ['/', '/a', '/a/b'])
})

test('counts of the levels between the root and the cgroup, where there are any', t => {
  const mount = mkdtempSync(join(tmpdir(), 'utsuwa-levels-'))
  t.after(() => rmSync(mount, { recursive: true }))
  mkdirSync(join(mount, 'a/b/c'), { recursive: true })
  for (const [level, count] of [
    ['.', 9],
    ['a/b', 2],
    ['a/b/c', 5],
  ] as const)
    writeFileSync(join(mount, level, 'memory.events.local'), `low 0\noom ${count}\noom_kill 1\n`)
  assert.deepEqual(outOfMemoryAbove(mount, '/a/b/c'), { '/a/b': 2 })
})
