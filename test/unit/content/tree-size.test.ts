import assert from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { treeSize } from '../../../src/content/tree-size.ts'

test('a tree occupies what is in it: hard links once, and nothing that links lead to', async () => {
  const root = mkdtempSync(join(tmpdir(), 'utsuwa-size-'))
  try {
    mkdirSync(join(root, 'tree/deep'), { recursive: true })
    const empty = await treeSize(join(root, 'tree'))
    writeFileSync(join(root, 'outside'), Buffer.alloc(1_000_000, 1))
    writeFileSync(join(root, 'tree/deep/file'), Buffer.alloc(100_000, 1))
    linkSync(join(root, 'tree/deep/file'), join(root, 'tree/again'))
    symlinkSync('../outside', join(root, 'tree/link'))
    symlinkSync('..', join(root, 'tree/up'))
    const size = (await treeSize(join(root, 'tree'))) - empty
    assert.ok(size >= 100_000 && size < 200_000, String(size))
    assert.equal(await treeSize(join(root, 'nothing')), 0)
  } finally {
    rmSync(root, { recursive: true })
  }
})
