import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEFAULT_LAYER_LIMITS } from '../../../src/layer/limits.ts'
import { type ApplierRecord, applierVocabulary } from '../../../src/layer/records.ts'
import { TarReader } from '../../../src/layer/tar.ts'
import { LayerTranslator } from '../../../src/layer/translate.ts'
import { RecordWriter } from '../../../src/util/wire.ts'
import { type TarEntry, writeTar } from '../../support/tar-writer.ts'

function translate(entries: TarEntry[]): { bytes: Buffer; translator: LayerTranslator } {
  const translator = new LayerTranslator(DEFAULT_LAYER_LIMITS)
  const reader = new TarReader(translator, DEFAULT_LAYER_LIMITS)
  reader.write(writeTar(entries))
  reader.end()
  return { bytes: Buffer.concat(translator.take()), translator }
}

function encoded(...parts: (ApplierRecord | string)[]): Buffer {
  const writer = new RecordWriter(applierVocabulary)
  for (const part of parts) {
    if (typeof part === 'string') writer.writeRaw(Buffer.from(part))
    else writer.write(part)
  }
  return writer.take()
}

const owner = { uid: 0, gid: 0 }
const mtime = { mtimeSeconds: 1_000_000_000, mtimeNanoseconds: 0 }
const path = (text: string) => ({ path: Buffer.from(text) })

describe('LayerTranslator', () => {
  it('puts content right behind its record, attributes behind the content', () => {
    const { bytes } = translate([
      { path: 'd/', mtime: 7 },
      { path: 'd/f', data: 'content', pax: { 'SCHILY.xattr.user.a': 'b' } },
      { path: 'd/l', type: '2', linkpath: 'f', mode: 0o777 },
    ])
    assert.deepEqual(
      bytes,
      encoded(
        { op: 'directory', ...path('d'), mode: 0o755, ...owner, mtimeSeconds: 7, mtimeNanoseconds: 0 },
        { op: 'file', ...path('d/f'), mode: 0o644, ...owner, ...mtime, size: 7 },
        'content',
        { op: 'attribute', name: 'user.a', value: Buffer.from('b') },
        { op: 'symlink', ...path('d/l'), target: Buffer.from('f'), ...owner, ...mtime },
      ),
    )
  })

  it('hands on large content as it came', () => {
    const large = 'x'.repeat(100_000)
    const { bytes } = translate([
      { path: 'f', data: large },
      { path: 'g', data: 'y' },
    ])
    const file = (name: string, size: number): ApplierRecord => ({
      op: 'file',
      ...path(name),
      mode: 0o644,
      ...owner,
      ...mtime,
      size,
    })
    assert.deepEqual(bytes, encoded(file('f', large.length), large, file('g', 1), 'y'))
  })

  it('makes whiteouts and opaque marks of signs, and drops what signs contain', () => {
    const { bytes } = translate([
      { path: 'a/.wh.b', data: 'x' },
      { path: 'a/.wh..wh..opq', data: 'y' },
      { path: '.wh..wh.aufs', data: 'z' },
    ])
    assert.deepEqual(bytes, encoded({ op: 'whiteout', ...path('a/b') }, { op: 'opaque', ...path('a') }))
  })

  it('tells of an opaque root, and of the owner of the root', () => {
    const { bytes, translator } = translate([{ path: '.wh..wh..opq' }, { path: './', mode: 0o700, uid: 3, gid: 4 }])
    assert.equal(translator.opaqueRoot, true)
    assert.deepEqual(translator.root, { mode: 0o700, uid: 3, gid: 4 })
    assert.deepEqual(
      bytes.subarray(0, 8),
      encoded({ op: 'directory', ...path(''), mode: 0o700, uid: 3, gid: 4, ...mtime }).subarray(0, 8),
    )
  })

  it('leaves labels to the policy of the host', () => {
    const { bytes } = translate([{ path: 'f', pax: { 'SCHILY.xattr.security.selinux': 'system_u:object_r:x:s0' } }])
    assert.deepEqual(bytes, encoded({ op: 'file', ...path('f'), mode: 0o644, ...owner, ...mtime, size: 0 }))
  })
})
