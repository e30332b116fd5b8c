import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEFAULT_LAYER_LIMITS } from '../../../src/layer/limits.ts'
import { type TarEntry as ReadEntry, TarReader } from '../../../src/layer/tar.ts'
import { type TarEntry, writeTar } from '../../support/tar-writer.ts'

function read(archive: Buffer, pieceSize = archive.length): { entry: ReadEntry; content: string }[] {
  const found: { entry: ReadEntry; content: string }[] = []
  const reader = new TarReader(
    {
      entry: entry => found.push({ entry, content: '' }),
      content: chunk => {
        found.at(-1)!.content += chunk.toString('latin1')
      },
    },
    DEFAULT_LAYER_LIMITS,
  )
  for (let at = 0; at < archive.length; at += pieceSize) reader.write(archive.subarray(at, at + pieceSize))
  reader.end()
  return found
}

const only = (entry: TarEntry) => read(writeTar([entry]))[0]!.entry

describe('TarReader', () => {
  it('reads the content of a file whose long name was cut off behind a slash', () => {
    const path = `${'dir/'.repeat(25)}file`
    for (const format of ['ustar', 'gnu'] as const) {
      const [{ entry, content }] = read(writeTar([{ path, data: 'content', format }])) as [
        { entry: ReadEntry; content: string },
      ]
      assert.deepEqual([entry.path, entry.type, content], [path, '0', 'content'], format)
    }
  })

  it('gives the same entries however the archive is cut', () => {
    const archive = writeTar([
      { path: 'empty' },
      { path: 'file', data: Buffer.alloc(1500, 'x') },
      { path: 'n'.repeat(150), data: 'pax', pax: { mtime: '1.5', 'SCHILY.xattr.user.a': 'b' } },
      { path: 'g'.repeat(150), data: 'gnu', format: 'gnu' },
      { path: 'block', data: Buffer.alloc(512, 'y') },
      { path: 'dir/' },
    ])
    const whole = read(archive)
    assert.equal(whole.length, 6)
    for (const size of [1, 7, 511, 512, 513, 1000, 4096])
      assert.deepEqual(read(archive, size), whole, `pieces of ${size}`)
  })

  it('reads every field', () => {
    const { xattrs, ...fields } = only({
      path: 'f',
      data: 'abc',
      mode: 0o4711,
      uid: 1000,
      gid: 4_000_000_000,
      mtime: -5,
    })
    assert.deepEqual(fields, {
      type: '0',
      path: 'f',
      linkpath: '',
      mode: 0o4711,
      uid: 1000,
      gid: 4_000_000_000,
      size: 3,
      mtime: { seconds: -5, nanoseconds: 0 },
      major: 0,
      minor: 0,
    })
    assert.equal(xattrs, undefined)
  })

  it('reads device numbers of POSIX and GNU archives', () => {
    for (const format of ['ustar', 'gnu'] as const) {
      const { major, minor } = only({ path: 'd', type: '3', device: { major: 259, minor: 1_048_575 }, format })
      assert.deepEqual([major, minor], [259, 1_048_575], format)
    }
  })

  it('extended headers belong to the next entry only', () => {
    const [first, second] = read(writeTar([{ path: 'a', pax: { path: 'renamed', uid: '7' } }, { path: 'b' }]))
    assert.deepEqual([first!.entry.path, first!.entry.uid], ['renamed', 7])
    assert.deepEqual([second!.entry.path, second!.entry.uid], ['b', 0])
  })

  it('a POSIX prefix is part of the name, a GNU one is something else', () => {
    const archive = writeTar([{ path: 'name' }])
    archive.write('prefix', 345)
    const sum = (block: Buffer) =>
      block.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
    archive.write(`${sum(archive).toString(8).padStart(6, '0')}\0 `, 148)
    assert.equal(read(archive)[0]!.entry.path, 'prefix/name')
  })
})
