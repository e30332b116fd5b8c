/**
 * What layers wear out by repetition: containerd CVE-2026-95838, where each opaque mark of a directory walked through it
 * again, and containers/storage CVE-2026-114236, where each corrupt layer left a descriptor open.
 *
 * Seen to fail with the directory's descriptor left open in src/layer/applier.ts: one for each layer remained. With
 * set_opaque (native/applier_tree.c) reading the directory at each mark, 20,000 marks on 2,000 files took 88 s instead of
 * a few, hence ten times as many files here, which that does not get through in the time limit.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { writeTar } from '../support/tar-writer.ts'
import { makeSandbox } from '../support/unpack.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const FILES = 20_000
const MARKS = 20_000

test('opaque marks cost the same however often they are repeated, and however much the directory holds', {
  timeout: 180_000,
}, async () => {
  const files = Array.from({ length: FILES }, (_, index) => ({ path: `d/${index}`, data: '' }))
  const marks = Array.from({ length: MARKS }, () => ({ path: 'd/.wh..wh..opq', data: '' }))
  const tree = await sandbox.unpack([...files, ...marks])
  // They hide what lower layers have, and nothing of their own.
  assert.equal([...tree.keys()].filter(path => path.startsWith('d/')).length, FILES)
})

test('opaque marks count as entries', async () => {
  const marks = Array.from({ length: 20 }, () => ({ path: 'd/.wh..wh..opq', data: '' }))
  await assert.rejects(sandbox.unpack(marks, { entries: 19 }), { code: 'LIMIT_EXCEEDED' })
})

const archive = writeTar([{ path: 'd/' }, { path: 'd/f', data: Buffer.alloc(100_000, 'x') }])
const corrupt = {
  'cut off': archive.subarray(0, 50_000),
  'of no known compression': Buffer.from('no layer at all'.repeat(100)),
  'gzip, cut off': gzipSync(archive).subarray(0, 100),
  'unsafe in the middle': writeTar([{ path: 'd/' }, { path: '../out', data: 'x' }]),
  'of a file where a directory should be': writeTar([
    { path: 'f', data: 'x' },
    { path: 'f/g', data: 'x' },
  ]),
}

test('layers that cannot be applied leave no descriptor open', async () => {
  const open = () => readdirSync('/proc/self/fd').length
  const failures = async () => {
    for (const [what, layer] of Object.entries(corrupt)) await assert.rejects(sandbox.unpack(layer), Error, what)
  }
  await failures()
  const before = open()
  for (let round = 0; round < 3; round++) await failures()
  assert.equal(open(), before)
})
