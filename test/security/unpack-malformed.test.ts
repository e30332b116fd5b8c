/**
 * Archives that two readers could read differently: node-tar CVE-2026-59874, -59875, -73566 (NUL in PAX, negative
 * sizes, desynchronized headers). What cannot be applied fails the layer; nothing is skipped.
 *
 * Seen to fail, each test with the check of its name taken out of src/layer/tar.ts (checksum, end, zero blocks,
 * owners, types), src/layer/pax.ts (lengths, numbers) or src/layer/path.ts and translate.ts (NUL): the layer was
 * accepted, or what no check had looked at failed otherwise.
 */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { encodePax, type TarEntry, writeTar } from '../support/tar-writer.ts'
import { makeSandbox } from '../support/unpack.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { unpack } = sandbox
const corrupt = { code: 'CORRUPT_LAYER' }
const unsafe = { code: 'UNSAFE_LAYER' }

describe('a malformed archive', () => {
  it('with a wrong checksum', async () => {
    const archive = writeTar([{ path: 'file', data: 'x' }])
    archive[0]! ^= 1
    await assert.rejects(unpack(archive), { ...corrupt, message: /checksum/ })
  })

  it('that ends in a header, in content, after an extended header', async () => {
    const archive = writeTar([{ path: 'file', data: Buffer.alloc(2000) }], { end: false })
    for (const length of [100, 512 + 700, archive.length - 1])
      await assert.rejects(unpack(archive.subarray(0, length)), corrupt)
    const dangling = writeTar([{ path: 'pax', type: 'x', data: encodePax({ path: 'x' }) }], { end: false })
    await assert.rejects(unpack(dangling), corrupt)
  })

  it('with a single zero block in it', async () => {
    const one = writeTar([{ path: 'a' }], { end: false })
    await assert.rejects(unpack(Buffer.concat([one, Buffer.alloc(512), one, Buffer.alloc(1024)])), corrupt)
  })

  it('with a negative size, owner or an owner that means "unchanged"', async () => {
    await assert.rejects(unpack([{ path: 'f', claimedSize: -512 }]), corrupt)
    await assert.rejects(unpack([{ path: 'f', uid: -1 }]), corrupt)
    await assert.rejects(unpack([{ path: 'f', gid: 0xffff_ffff }]), corrupt)
    await assert.rejects(unpack([{ path: 'f', pax: { uid: '4294967295' } }]), corrupt)
    await assert.rejects(unpack([{ path: 'f', pax: { size: '-1' } }]), corrupt)
    await assert.rejects(unpack([{ path: 'f', pax: { size: '1e3' } }]), corrupt)
  })

  it('with extended headers whose lengths lie', async () => {
    for (const body of [
      '5 a=b\n',
      '7 a=b\n',
      '99 a=b\n',
      'x a=b\n',
      '6 a=b',
      '-6 a=b\n',
      ' 6 a=b\n',
      '6  ab\n',
      '0 a=b\n',
    ]) {
      await assert.rejects(
        unpack([{ path: 'pax', type: 'x', data: body }, { path: 'f' }]),
        corrupt,
        JSON.stringify(body),
      )
    }
  })

  it('with a NUL in a name', async () => {
    await assert.rejects(unpack([{ path: 'f', pax: { path: 'good\0../evil' } }]), unsafe)
    await assert.rejects(unpack([{ path: 'f', type: '2', linkpath: 'x', pax: { linkpath: 'good\0evil' } }]), unsafe)
    await assert.rejects(unpack([{ path: 'f', pax: { 'SCHILY.xattr.user.a\0b': 'x' } }]), unsafe)
  })

  it('with kinds of entries that nobody should guess about', async () => {
    for (const type of ['S', 'V', 'M', 'D', 'N', 'X', 'A', '8', '9', ' ']) {
      await assert.rejects(unpack([{ path: 'f', type, data: '' }]), unsafe, type)
    }
    await assert.rejects(unpack([{ path: 'f', pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' } }]), unsafe)
  })

  it('that is no archive at all', async () => {
    await assert.rejects(unpack(Buffer.from('<html>not found</html>'.repeat(100))), corrupt)
  })

  it('whose gzip stream is cut off or damaged', async () => {
    const { gzipSync } = await import('node:zlib')
    const blob = gzipSync(writeTar([{ path: 'f', data: Buffer.alloc(100_000, 'abc') }]))
    await assert.rejects(unpack(blob.subarray(0, blob.length - 20)), corrupt)
    const damaged = Buffer.from(blob)
    damaged[60]! ^= 0xff
    await assert.rejects(unpack(damaged), corrupt)
  })
})

describe('an unusual but valid archive', () => {
  const cases: Record<string, { entries: TarEntry[]; paths: string[] }> = {
    'an extended size replaces the one in the header': {
      entries: [
        { path: 'f', data: 'hello', claimedSize: 0, pax: { size: '5' } },
        { path: 'g', data: '' },
      ],
      paths: ['', 'f', 'g'],
    },
    'a size of something without content is ignored': {
      entries: [
        { path: 'd/', claimedSize: 4096 },
        { path: 'l', type: '2', linkpath: 'd', claimedSize: 77 },
        { path: 'f', data: 'x' },
      ],
      paths: ['', 'd', 'f', 'l'],
    },
    'a name that ends in a slash is a directory': { entries: [{ path: 'd/', type: '0' }], paths: ['', 'd'] },
    'an archive of nothing': { entries: [], paths: [''] },
    'global headers': {
      entries: [
        { path: 'g', type: 'g', data: encodePax({ comment: 'made by git', path: '../evil' }) },
        { path: 'f', data: '' },
      ],
      paths: ['', 'f'],
    },
  }
  for (const [title, { entries, paths }] of Object.entries(cases)) {
    it(title, async () => assert.deepEqual([...(await unpack(entries)).keys()], paths))
  }

  it('without the two zero blocks, or with much behind them', async () => {
    const entries = writeTar([{ path: 'f', data: '' }], { end: false })
    assert.deepEqual([...(await unpack(entries)).keys()], ['', 'f'])
    const tail = Buffer.concat([entries, Buffer.alloc(1024), Buffer.alloc(5000, 'x')])
    assert.deepEqual([...(await unpack(tail)).keys()], ['', 'f'])
  })
})
