/**
 * The root as an entry (umoci CVE-2021-29136), attributes and devices that mean something to overlayfs.
 *
 * Seen to fail with the refusal of a root that is no directory taken out of src/layer/translate.ts (six tests), and
 * with that of overlayfs's attributes and of device 0:0 (two). With links followed (native/applier_tree.c), two tests
 * of replaced entries failed.
 */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { makeSandbox } from '../support/unpack.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { unpack, outside } = sandbox
const unsafe = { code: 'UNSAFE_LAYER' }

describe('the root of a layer', () => {
  for (const path of ['.', '/', './', '//', './/.']) {
    it(`cannot be anything but a directory: ${path}`, async () => {
      await assert.rejects(unpack([{ path, type: '2', linkpath: outside }]), unsafe)
      await assert.rejects(unpack([{ path, type: '1', linkpath: 'x' }]), unsafe)
      await assert.rejects(unpack([{ path, type: '3', device: { major: 1, minor: 3 } }]), unsafe)
    })
    it(`can be given an owner and a mode: ${path}`, async () => {
      const tree = await unpack([
        { path, type: '5', mode: 0o711, uid: 1 },
        { path: 'f', data: '' },
      ])
      assert.equal(tree.get('')?.mode, '711')
    })
  }

  it('cannot be linked to', async () => {
    await assert.rejects(unpack([{ path: 'link', type: '1', linkpath: '/' }]), unsafe)
  })
})

describe('overlayfs', () => {
  it('is not steered by attributes of an image', async () => {
    for (const name of [
      'trusted.overlay.redirect',
      'trusted.overlay.opaque',
      'trusted.overlay.metacopy',
      'user.overlay.opaque',
    ]) {
      await assert.rejects(unpack([{ path: 'd/', pax: { [`SCHILY.xattr.${name}`]: '/etc' } }]), unsafe, name)
    }
  })

  it('sees no whiteout that is not spelled .wh.', async () => {
    await assert.rejects(unpack([{ path: 'null', type: '3', device: { major: 0, minor: 0 } }]), unsafe)
  })

  it('gets whiteouts and opaque directories for signs, wherever they stand', async () => {
    const tree = await unpack([
      { path: 'd/' },
      { path: 'd/.wh..wh..opq', data: 'content of a sign is ignored' },
      { path: '.wh.gone' },
      { path: 'missing/.wh.gone' },
      { path: '.wh..wh.plnk/', type: '5' },
      { path: '.wh..wh.plnk/1.2', data: 'aufs' },
      { path: '.wh..wh.aufs', data: 'aufs' },
    ])
    assert.deepEqual(tree.get('gone')?.device, '0')
    assert.deepEqual(tree.get('missing/gone')?.device, '0')
    assert.deepEqual(tree.get('d')?.xattrs, { 'trusted.overlay.opaque': '0x79' })
    assert.deepEqual([...tree.keys()], ['', 'd', 'gone', 'missing', 'missing/gone'])
  })

  it('a whiteout and an entry of its name do not fight, whichever comes first', async () => {
    for (const reversed of [false, true]) {
      const entries = [
        [{ path: '.wh.d' }, { path: 'd/' }],
        [{ path: '.wh.f' }, { path: 'f', data: 'x' }],
      ]
      const tree = await unpack(entries.flatMap(pair => (reversed ? pair.toReversed() : pair)))
      assert.deepEqual(tree.get('d')?.xattrs, { 'trusted.overlay.opaque': '0x79' })
      assert.equal(tree.get('f')?.type, 'file')
    }
  })
})

describe('an entry that replaces another', () => {
  it('a file takes the place of a directory with all that is in it', async () => {
    const tree = await unpack([
      { path: 'd/a/b/c', data: 'x' },
      { path: 'd', data: 'file' },
    ])
    assert.deepEqual([...tree.keys()], ['', 'd'])
  })

  it('a directory keeps what is in it', async () => {
    const tree = await unpack([
      { path: 'd/f', data: 'x' },
      { path: 'd/', mode: 0o700 },
    ])
    assert.deepEqual([...tree.keys()], ['', 'd', 'd/f'])
    assert.equal(tree.get('d')?.mode, '700')
  })

  it('a hard link to itself changes nothing', async () => {
    const tree = await unpack([
      { path: 'f', data: 'x' },
      { path: 'f', type: '1', linkpath: 'f' },
    ])
    assert.equal(tree.get('f')?.size, 1)
  })

  it('set-id bits and capabilities survive the change of owner', async () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
    const tree = await unpack([
      { path: 'su', data: 'x', mode: 0o6755, uid: 7, gid: 8 },
      { path: 'cap', data: 'x', mode: 0o755, uid: 7, pax: { 'SCHILY.xattr.security.capability': capability } },
    ])
    assert.equal(tree.get('su')?.mode, '6755')
    assert.deepEqual(tree.get('cap')?.xattrs, { 'security.capability': `0x${capability.toString('hex')}` })
  })
})
