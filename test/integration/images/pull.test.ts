/** Images from a real registry, compared with what umoci unpacks and read back by skopeo. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { listImages, resolveImage } from '../../../src/image/image.ts'
import { type PullProgress, pull } from '../../../src/image/pull.ts'
import { removeImage } from '../../../src/image/remove.ts'
import { prepareSnapshot } from '../../../src/snapshot/active.ts'
import { layerRootPath } from '../../../src/snapshot/layers.ts'
import { removeSnapshot } from '../../../src/snapshot/remove.ts'
import { debianRoot } from '../../support/debian-root.ts'
import { type BuildOptions, buildBusyboxImage, buildImage, pushImage, skopeo } from '../../support/image-builder.ts'
import { startRegistry, type TestRegistry } from '../../support/registry.ts'
import { type TarEntry, writeTar } from '../../support/tar-writer.ts'
import { compareTrees, describeTree } from '../../support/tree.ts'

let registry: TestRegistry
let scratch: string
let root: string

before(async () => {
  registry = await startRegistry()
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-pull-'))
  root = join(scratch, 'store')
})

after(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true, force: true })
})

let built = 0
async function pushed(
  layers: Buffer[],
  options: Partial<BuildOptions> = {},
): Promise<{ name: string; layout: string }> {
  const layout = join(scratch, `layout-${built++}`)
  await buildImage({ dir: layout, layers, ...options })
  const name = `${registry.host}/test/image${built}:v1`
  await pushImage(layout, name)
  return { name, layout }
}

/** A Debian root of essential packages has no hard links and no attributes; with some, it has everything. */
function withLinksAndAttributes(archive: Buffer): Buffer {
  let end = archive.length
  while (archive.subarray(end - 512, end).every(byte => byte === 0)) end -= 512
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
  const more = writeTar([
    { path: 'usr/bin/env', mode: 0o755, data: 'again', pax: { 'SCHILY.xattr.security.capability': capability } },
    { path: 'usr/bin/env-1', type: '1', linkpath: 'usr/bin/env' },
    { path: 'usr/bin/env-2', type: '1', linkpath: './usr/bin/env' },
  ])
  return Buffer.concat([archive.subarray(0, end), more])
}

/** What umoci makes of an image whose layout is at hand. */
function umociTree(layout: string) {
  const bundle = `${layout}-umoci`
  execFileSync('umoci', ['raw', 'unpack', '--image', `${layout}:latest`, bundle], { stdio: 'pipe' })
  const rootfs = existsSync(join(bundle, 'rootfs')) ? join(bundle, 'rootfs') : bundle
  const tree = describeTree(rootfs)
  rmSync(bundle, { recursive: true })
  return tree
}

/** The merged view of an image, as a container would see it. */
async function mergedTree(name: string, id: string) {
  const image = await resolveImage(root, name)
  const { lowerDirs, upperDir, workDir } = await prepareSnapshot(root, id, image.diffIds)
  const merged = join(scratch, `merged-${id}`)
  execFileSync('mkdir', [merged])
  const options = `lowerdir=${lowerDirs.join(':')},upperdir=${upperDir},workdir=${workDir}`
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, merged])
  try {
    return describeTree(merged)
  } finally {
    execFileSync('umount', [merged])
    await removeSnapshot(root, id)
  }
}

/** A new upper directory and implicit parents have the time they were made. */
const ignoreRootTime = (path: string, property: string) => path === '' && property === 'mtimeNs'

describe('pull', () => {
  it('unpacks a Debian root exactly as umoci does', async () => {
    const { name, layout } = await pushed([withLinksAndAttributes(readFileSync(await debianRoot()))])
    const image = await pull(name, { root })
    const actual = describeTree(layerRootPath(root, image.diffIds[0]!))
    assert.ok(actual.size > 500, `${actual.size} paths`)
    // What is to be compared is there.
    const nodes = [...actual.values()]
    for (const [what, has] of [
      ['set-user-id programs', nodes.some(({ mode }) => mode === '4755')],
      ['sticky directories', nodes.some(({ mode }) => mode === '1777')],
      ['groups other than root', nodes.some(({ owner }) => owner === '0:42')],
      ['devices', nodes.filter(({ device }) => device !== undefined).length >= 8],
      ['hard links', nodes.filter(({ sameAs }) => sameAs === 'usr/bin/env').length === 2],
      ['attributes', actual.get('usr/bin/env')?.xattrs?.['security.capability'] !== undefined],
    ] as const)
      assert.ok(has, `${what} are missing`)
    assert.deepEqual(compareTrees(actual, umociTree(layout), ignoreRootTime), [])
  })

  it('unpacks everything a tar archive can hold as umoci does', async () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
    const time = { pax: { mtime: '1350244992.023960108' } }
    const long = `long/${'n'.repeat(120)}/${'m'.repeat(200)}`
    const entries: TarEntry[] = [
      { path: './', mode: 0o755 },
      { path: 'bin/', mode: 0o2755, uid: 3, gid: 4 },
      { path: 'bin/su', mode: 0o4755, uid: 5, gid: 6, data: 'set-user-id', ...time },
      { path: 'bin/ping', mode: 0o755, data: 'ping', pax: { 'SCHILY.xattr.security.capability': capability } },
      { path: 'noted', data: 'x', pax: { 'SCHILY.xattr.user.note': Buffer.from('a\nb\0c=\xff', 'latin1') } },
      { path: 'tmp/', mode: 0o1777 },
      { path: 'dev/' },
      { path: 'dev/null', type: '3', mode: 0o666, device: { major: 1, minor: 3 } },
      { path: 'dev/gnu', type: '3', mode: 0o600, device: { major: 4, minor: 64 }, format: 'gnu' },
      { path: 'dev/disk', type: '4', mode: 0o660, gid: 6, device: { major: 8, minor: 1 } },
      { path: 'dev/pipe', type: '6', mode: 0o640 },
      { path: 'link', type: '2', linkpath: '/absolute/elsewhere', mode: 0o777 },
      { path: 'again', type: '1', linkpath: 'bin/su' },
      { path: 'linked-link', type: '1', linkpath: 'link' },
      { path: long, data: 'pax' },
      { path: `gnu/${'g'.repeat(180)}`, data: 'gnu', format: 'gnu' },
      { path: 'long-target', type: '2', linkpath: 't'.repeat(300), format: 'gnu' },
      { path: 'tree/', mode: 0o700 },
      { path: 'tree/a/', mode: 0o711, mtime: 1_111_111_111 },
      { path: 'tree/a/file', data: 'deep', mode: 0o400 },
      { path: 'empty', data: '', mode: 0 },
      { path: 'big', data: Buffer.alloc(3_000_001, 'utsuwa') },
      { path: 'twice', data: 'first', mode: 0o600 },
      { path: 'twice', data: 'second', mode: 0o640 },
      { path: Buffer.from('caf\xe9', 'latin1'), data: 'not utf-8' },
      { path: 'kanji/器', data: 'utf-8' },
      { path: 'large-owner', data: '', uid: 4_000_000_000, gid: 3_000_000 },
      { path: 'before-epoch', data: '', mtime: -1000 },
    ]
    for (const compression of ['gzip', 'zstd', 'none'] as const) {
      const layer = Buffer.concat([writeTar([...entries, { path: 'note', data: compression }])])
      const { name, layout } = await pushed([layer], { compression })
      const image = await pull(name, { root })
      const actual = describeTree(layerRootPath(root, image.diffIds[0]!))
      if (compression === 'zstd') continue // umoci of Debian 12 knows no zstd; its tree is the one of the others
      const implicit = new Set(['', 'long', `long/${'n'.repeat(120)}`, 'gnu', 'kanji'])
      const differences = compareTrees(actual, umociTree(layout), (path, property) => {
        return property === 'mtimeNs' && implicit.has(path)
      })
      assert.deepEqual(differences, [], compression)
    }
  })

  it('stacks layers as umoci does: whiteouts, opaque directories, replaced entries', async () => {
    const lower: TarEntry[] = [
      { path: './', mode: 0o755 },
      ...[
        'a/',
        'a/keep',
        'a/gone',
        'b/',
        'b/old',
        'b/sub/',
        'b/sub/old',
        'c/',
        'c/old',
        'd',
        'e/',
        'e/old',
        'f/',
        'f/old',
      ].map(path => ({ path, ...(path.endsWith('/') ? {} : { data: `lower ${path}` }) })),
    ]
    const upper: TarEntry[] = [
      { path: 'a/' },
      { path: 'a/.wh.gone' },
      { path: 'b/' },
      { path: 'b/new', data: 'new' },
      { path: 'b/.wh..wh..opq' }, // after a sibling
      { path: '.wh.c' },
      { path: 'd/' },
      { path: 'd/inside', data: 'a directory where a file was' },
      { path: '.wh.e' }, // and again, as something new
      { path: 'e/' },
      { path: 'e/new', data: 'new' },
      { path: 'f', data: 'a file where a directory was' },
    ]
    const { name, layout } = await pushed([writeTar(lower), writeTar(upper)])
    await pull(name, { root })
    const merged = await mergedTree(name, 'stack')
    const expected = umociTree(layout)
    const shape = (tree: Map<string, { type: string }>) => [...tree].map(([path, { type }]) => `${path} ${type}`)
    assert.deepEqual(shape(merged), shape(expected))
    assert.deepEqual([...merged.keys()], ['', 'a', 'a/keep', 'b', 'b/new', 'd', 'd/inside', 'e', 'e/new', 'f'])
  })

  it('hides all lower layers below an opaque root', async () => {
    const { name } = await pushed([
      writeTar([{ path: 'old', data: '' }]),
      writeTar([{ path: '.wh..wh..opq' }, { path: 'new', data: '' }]),
    ])
    await pull(name, { root })
    assert.deepEqual([...(await mergedTree(name, 'opaque')).keys()], ['', 'new'])
  })

  it('gives the container the root directory of the image', async () => {
    const { name } = await pushed([writeTar([{ path: './', mode: 0o711, uid: 7, gid: 8 }])])
    await pull(name, { root })
    const { mode, owner } = (await mergedTree(name, 'root-mode')).get('')!
    assert.deepEqual({ mode, owner }, { mode: '711', owner: '7:8' })
  })

  it('writes a layout that skopeo reads, and fetches nothing twice', async () => {
    const layout = join(scratch, 'busybox')
    await buildBusyboxImage({ dir: layout, layers: [[{ path: 'hello', data: 'hello' }]] })
    const name = `${registry.host}/busybox:test`
    await pushImage(layout, name)
    const image = await pull(name, { root })
    await skopeo('copy', '--insecure-policy', `oci:${root}/oci:${name}`, `oci:${scratch}/copy:x`)
    const events: PullProgress[] = []
    const again = await pull(name, { root, onProgress: event => events.push(event) })
    assert.deepEqual(again, image)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['resolved', 'present', 'present'],
    )
  })

  it('lists, resolves and removes images; what others use stays', async () => {
    const own = join(scratch, 'removal')
    const shared = writeTar([{ path: 'shared', data: 'shared' }])
    const one = await pushed([shared, writeTar([{ path: 'one', data: '1' }])])
    const two = await pushed([shared, writeTar([{ path: 'two', data: '2' }])])
    const first = await pull(one.name, { root: own })
    const second = await pull(two.name, { root: own })
    assert.deepEqual(
      (await listImages(own)).map(image => image.reference),
      [one.name, two.name],
    )
    assert.equal((await resolveImage(own, first.id.slice('sha256:'.length, 20))).id, first.id)
    await prepareSnapshot(own, 'box', second.diffIds)
    await assert.rejects(removeImage(own, two.name), { code: 'IMAGE_IN_USE' })
    await removeImage(own, one.name)
    assert.equal(readdirSync(join(own, 'layers')).length, 2)
    await removeSnapshot(own, 'box')
    await removeImage(own, second.id)
    assert.deepEqual(readdirSync(join(own, 'layers')), [])
    assert.deepEqual(readdirSync(join(own, 'oci/blobs/sha256')), [])
    assert.deepEqual(readdirSync(join(own, 'tmp')), [])
    await assert.rejects(resolveImage(own, one.name), { code: 'IMAGE_NOT_FOUND' })
  })

  it('says that the registry has no such image, or that there is no registry', async () => {
    await assert.rejects(pull(`${registry.host}/no/such:image`, { root }), { code: 'IMAGE_NOT_FOUND' })
    await assert.rejects(pull('127.0.0.1:1/x', { root }), {
      code: 'REGISTRY_UNREACHABLE',
      message: 'connect to registry 127.0.0.1:1: ECONNREFUSED (connection refused)',
    })
  })

  it('pulls the same image twice at the same time', async () => {
    const own = join(scratch, 'race')
    const { name } = await pushed([writeTar([{ path: 'file', data: Buffer.alloc(2_000_000, 1) }])])
    const [a, b] = await Promise.all([pull(name, { root: own }), pull(name, { root: own })])
    assert.deepEqual(a, b)
    assert.deepEqual(readdirSync(join(own, 'tmp')), [])
  })
})
