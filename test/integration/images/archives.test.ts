/** `save`, `load`, `import`, `export`: exchanged with skopeo, umoci and tar; hostile archives refused. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { images, importImage, inspectImage, load, prune, save, tag } from '../../../src/index.ts'
import { layerRootPath } from '../../../src/snapshot/layers.ts'
import { type BuiltImage, buildImage, sha256, skopeo } from '../../support/image-builder.ts'
import { type TarEntry, writeTar } from '../../support/tar-writer.ts'

let scratch: string
let layout: BuiltImage
let root: string
let count = 0

const fresh = (name: string): string => join(scratch, `${name}-${count++}`)
const layers = [writeTar([{ path: 'below', data: 'below' }]), writeTar([{ path: 'above', data: 'above' }])]

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-archives-'))
  layout = await buildImage({ dir: join(scratch, 'layout'), layers, config: { Cmd: ['sh'] }, tag: 'test/image:v1' })
})

beforeEach(() => {
  root = fresh('store')
})

after(() => rmSync(scratch, { recursive: true, force: true }))

const NAME = 'docker.io/test/image:v1'

/** Everything that skopeo says of an image, as it has to be in each form. */
async function skopeoSees(source: string): Promise<string[]> {
  const { rootfs } = JSON.parse(await skopeo('inspect', '--config', source)) as { rootfs: { diff_ids: string[] } }
  // To copy is to read all of it, verified.
  await skopeo('copy', '--insecure-policy', source, `dir:${fresh('copy')}`)
  return rootfs.diff_ids
}

describe('save', () => {
  const diffIds = layers.map(sha256)

  it('writes an archive that is one of docker and an image layout, the same bytes each time', async () => {
    await load(layout.dir, { root })
    const [file, again] = [fresh('saved.tar'), fresh('saved.tar')]
    await save(NAME, file, { root })
    await save(NAME, again, { root })
    assert.ok(readFileSync(file).equals(readFileSync(again)))
    assert.deepEqual(await skopeoSees(`docker-archive:${file}`), diffIds)
    assert.deepEqual(await skopeoSees(`docker-archive:${file}:${NAME}`), diffIds)
    assert.deepEqual(await skopeoSees(`oci-archive:${file}`), diffIds)
    assert.deepEqual(await skopeoSees(`oci-archive:${file}:${NAME}`), diffIds)
  })

  it('writes an image layout as an archive and as a directory, which umoci unpacks', async () => {
    await load(layout.dir, { root })
    const [file, directory] = [fresh('saved.tar'), fresh('saved')]
    await save([NAME], file, { root, format: 'oci-archive' })
    assert.deepEqual(await skopeoSees(`oci-archive:${file}`), diffIds)
    await save([NAME], directory, { root, format: 'oci-dir' })
    assert.deepEqual(await skopeoSees(`oci:${directory}`), diffIds)
    assert.deepEqual(readdirSync(directory).sort(), ['blobs', 'index.json', 'oci-layout'])
  })

  it('keeps all names that it is asked for, and several images with common layers', async () => {
    await load(layout.dir, { root })
    await tag(NAME, 'other:2', { root })
    const extended = await buildImage({ dir: fresh('more'), layers: [...layers, writeTar([])], tag: 'more:1' })
    await load(extended.dir, { root })
    const file = fresh('saved.tar')
    await save([NAME, 'other:2', 'more:1'], file, { root })
    const listed = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n')
    assert.equal(new Set(listed).size, listed.length, 'nothing twice')
    const copy = fresh('store')
    const loaded = await load(file, { root: copy })
    assert.deepEqual(
      loaded.map(({ reference }) => reference),
      [NAME, 'docker.io/library/other:2', 'docker.io/library/more:1'],
    )
    const [one, two] = await Promise.all(['more:1', NAME].map(name => inspectImage(name, { root: copy })))
    assert.deepEqual([one!.manifestDigest, two!.manifestDigest], [extended.manifestDigest, layout.manifestDigest])
  })

  it('leaves no half file, and an older one as it was', async () => {
    await load(layout.dir, { root })
    const file = fresh('saved.tar')
    writeFileSync(file, 'older')
    await assert.rejects(save(NAME, scratch, { root, format: 'oci-dir' }), /not empty/)
    await assert.rejects(save(NAME, join(scratch, 'no/such/directory'), { root }), { code: 'INVALID_ARGUMENT' })
    const { layers } = await inspectImage(NAME, { root })
    rmSync(join(root, 'oci/blobs', layers[1]!.digest.replace(':', '/')))
    await assert.rejects(save(NAME, file, { root }), { code: 'STORE_CORRUPT' })
    assert.equal(readFileSync(file, 'utf8'), 'older')
    await assert.rejects(save('nothing', file, { root }), { code: 'IMAGE_NOT_FOUND' })
    assert.deepEqual(
      readdirSync(scratch).filter(name => name.startsWith('.')),
      [],
    )
  })
})

describe('load', () => {
  it('reads what skopeo writes: archives of docker and OCI, plain, compressed, as a stream', async () => {
    const source = `oci:${layout.dir}:test/image:v1`
    const docker = fresh('docker.tar')
    const oci = fresh('oci.tar')
    await skopeo('copy', '--insecure-policy', source, `docker-archive:${docker}:test/image:v1`)
    await skopeo('copy', '--insecure-policy', source, `oci-archive:${oci}:test/image:v1`)
    const compressed = `${docker}.gz`
    writeFileSync(compressed, gzipSync(readFileSync(docker)))
    for (const input of [docker, oci, compressed, createReadStream(docker), createReadStream(compressed)]) {
      const own = fresh('store')
      const [image, ...more] = await load(input, { root: own })
      assert.deepEqual([image?.reference, more], [NAME, []])
      const { diffIds, config } = await inspectImage(NAME, { root: own })
      assert.deepEqual([diffIds, config.config?.Cmd], [layers.map(sha256), ['sh']])
      assert.equal(readFileSync(join(layerRootPath(own, diffIds[1]!), 'above'), 'utf8'), 'above')
      assert.deepEqual(readdirSync(join(own, 'tmp')), [])
      await skopeo('inspect', `oci:${own}/oci:${NAME}`)
    }
  })

  it('takes an image that has only a tag, without a name, until it is pruned', async () => {
    const { dir, configDigest } = await buildImage({ dir: fresh('layout'), layers })
    const [image] = await load(dir, { root })
    assert.equal(image?.reference, `@${image?.manifestDigest}`)
    await load(dir, { root })
    assert.equal((await images({ root })).length, 1)
    assert.equal((await inspectImage(configDigest.slice(7, 19), { root })).id, configDigest)
    await tag(configDigest, 'named', { root })
    assert.deepEqual(
      (await images({ root })).map(({ reference }) => reference),
      ['docker.io/library/named:latest'],
    )
    await load(dir, { root })
    assert.equal((await images({ root })).length, 1, 'it has a name')
    const other = await buildImage({ dir: fresh('layout'), layers: [layers[0]!] })
    await load(other.dir, { root })
    assert.deepEqual((await prune({ root })).images, [{ untagged: [], deleted: other.configDigest }])
  })

  it('says what it is that it cannot read', async () => {
    const file = fresh('input')
    const refusals: [Buffer, object][] = [
      [
        Buffer.from('not an archive, but long enough for a header to be looked for. '.repeat(20)),
        { code: 'CORRUPT_LAYER' },
      ],
      [writeTar([{ path: 'etc/passwd', data: '' }]), { code: 'INVALID_SPEC', hint: /utsuwa import/ }],
      [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2]), { code: 'UNSUPPORTED', hint: /xz -dc/ }],
      [gzipSync(writeTar([{ path: 'a', data: '' }])).subarray(0, 40), { code: 'CORRUPT_LAYER' }],
      [writeTar([{ path: 'a', data: 'x'.repeat(2000) }]).subarray(0, 1500), { code: 'CORRUPT_LAYER' }],
    ]
    for (const [bytes, error] of refusals) {
      writeFileSync(file, bytes)
      await assert.rejects(load(file, { root }), error)
    }
    await assert.rejects(load('/no/such/file', { root }), { code: 'INVALID_ARGUMENT', message: /open .*ENOENT/ })
    assert.deepEqual(readdirSync(join(root, 'tmp')), [])
  })
})

describe('load of a hostile archive', () => {
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [sha256(layers[0]!)] },
    }),
  )
  const manifest = (Layers: string[], Config = 'config.json', RepoTags = ['hostile:1']): TarEntry => ({
    path: 'manifest.json',
    data: JSON.stringify([{ Config, RepoTags, Layers }]),
  })
  const good: TarEntry[] = [
    { path: 'config.json', data: config },
    { path: 'layer.tar', data: layers[0]! },
  ]

  async function refused(entries: TarEntry[], error: object): Promise<void> {
    const file = fresh('hostile.tar')
    writeFileSync(file, writeTar(entries))
    await assert.rejects(load(file, { root }), error)
    assert.deepEqual(await images({ root }), [])
    assert.deepEqual([...readdirSync(join(root, 'layers')), ...readdirSync(join(root, 'tmp'))], [])
  }

  it('is one where a good one is loaded', async () => {
    const file = fresh('good.tar')
    writeFileSync(file, writeTar([manifest(['./layer.tar']), ...good]))
    assert.equal((await load(file, { root })).length, 1)
  })

  it('takes links of the archive for names in it, as docker wrote them, and never for paths', async () => {
    const file = fresh('links.tar')
    const links: TarEntry[] = [
      { path: 'one/layer.tar', type: '2', linkpath: '../layer.tar' },
      { path: 'two/layer.tar', type: '1', linkpath: 'one/layer.tar' },
    ]
    writeFileSync(file, writeTar([manifest(['two/layer.tar']), ...links, ...good]))
    assert.equal((await load(file, { root })).length, 1)
    await refusedElsewhere([manifest(['evil']), { path: 'evil', type: '2', linkpath: '/etc/passwd' }, ...good])
    await refusedElsewhere([manifest(['evil']), { path: 'evil', type: '2', linkpath: '../../../etc/passwd' }, ...good])
    await refusedElsewhere([
      manifest(['a']),
      { path: 'a', type: '2', linkpath: 'b' },
      { path: 'b', type: '1', linkpath: 'a' },
      ...good,
    ])
  })

  async function refusedElsewhere(entries: TarEntry[]): Promise<void> {
    root = fresh('store')
    await refused(entries, { code: /INVALID_SPEC|UNSAFE_LAYER/ })
  }

  it('cannot name files outside', async () => {
    for (const path of ['/etc/hostname', '../../../../../../../etc/hostname', 'layer.tar/../../etc/hostname', '']) {
      root = fresh('store')
      await refused([manifest([path]), ...good], { code: 'INVALID_SPEC' })
      root = fresh('store')
      await refused([manifest(['layer.tar'], path), ...good], { code: 'INVALID_SPEC' })
    }
  })

  it('cannot have two files of one name, of which another reader could take the other', async () => {
    await refused([manifest(['layer.tar']), ...good, { path: './layer.tar', data: 'other' }], { code: 'UNSAFE_LAYER' })
    await refused([manifest(['layer.tar']), manifest([]), ...good], { code: 'UNSAFE_LAYER' })
  })

  it('cannot have a layer of another digest, or another number of layers', async () => {
    await refused([manifest(['layer.tar']), good[0]!, { path: 'layer.tar', data: layers[1]! }], {
      code: 'DIGEST_MISMATCH',
    })
    await refused([manifest(['layer.tar', 'layer.tar']), ...good], { code: 'INVALID_SPEC' })
    await refused([manifest([])], { code: 'INVALID_SPEC' })
  })

  it('cannot have a name that is none', async () => {
    for (const name of ['../evil:1', 'a\x1b[2J', '', 'UPPER'])
      await refused([manifest(['layer.tar'], 'config.json', [name]), ...good], { code: 'INVALID_REFERENCE' })
  })

  it('cannot have JSON of another kind', async () => {
    for (const data of ['{}', 'null', '[null]', '[{"Config":1,"Layers":[]}]', '[[[['.repeat(10_000)])
      await refused([{ path: 'manifest.json', data }, ...good], { code: 'INVALID_SPEC' })
    await refused(
      [
        { path: 'oci-layout', data: 'null' },
        { path: 'index.json', data: '{}' },
      ],
      { code: 'INVALID_SPEC' },
    )
  })
})

describe('load of a hostile directory', () => {
  it('follows no link and waits for no pipe', async () => {
    const attacks: [string, (path: string) => void][] = [
      ['index.json', path => symlinkSync('/etc/passwd', path)],
      ['index.json', path => execFileSync('mkfifo', [path])],
      ['blobs', path => symlinkSync(join(layout.dir, 'blobs'), path)],
      [`blobs/sha256/${layout.layers[0]!.digest.slice(7)}`, path => symlinkSync('/dev/zero', path)],
      [`blobs/sha256/${layout.manifestDigest.slice(7)}`, path => symlinkSync(join(layout.dir, 'index.json'), path)],
    ]
    for (const [name, plant] of attacks) {
      const dir = fresh('hostile')
      execFileSync('cp', ['-r', layout.dir, dir])
      rmSync(join(dir, name), { recursive: true })
      plant(join(dir, name))
      await assert.rejects(load(dir, { root }), { code: 'UNSAFE_LAYER' }, name)
    }
    assert.deepEqual(await images({ root }), [])
  })

  it('verifies every document and layer', async () => {
    for (const digest of [layout.manifestDigest, layout.configDigest, ...layout.layers.map(layer => layer.digest)]) {
      for (const change of ['flip', 'cut', 'grow'] as const) {
        const dir = fresh('hostile')
        execFileSync('cp', ['-r', layout.dir, dir])
        const path = join(dir, 'blobs', digest.replace(':', '/'))
        const bytes = readFileSync(path)
        bytes[bytes.length >> 1]! ^= 1
        writeFileSync(
          path,
          change === 'flip' ? bytes : change === 'cut' ? bytes.subarray(1) : Buffer.concat([bytes, bytes]),
        )
        await assert.rejects(
          load(dir, { root }),
          { code: change === 'flip' ? 'DIGEST_MISMATCH' : 'SIZE_MISMATCH' },
          digest,
        )
      }
    }
    assert.deepEqual([await images({ root }), readdirSync(join(root, 'layers'))], [[], []])
  })
})

describe('importImage', () => {
  it('makes an image of an archive, with what changes say', async () => {
    const archive = writeTar([
      { path: 'bin/', mode: 0o755 },
      { path: 'bin/tool', mode: 0o4755, data: 'tool' },
    ])
    for (const bytes of [archive, gzipSync(archive)]) {
      const file = fresh('root.tar')
      writeFileSync(file, bytes)
      const image = await importImage(file, {
        root,
        name: 'made:1',
        changes: ['CMD ["/bin/tool", "-x"]', 'ENV A=b C="d e"', 'WORKDIR /srv', 'EXPOSE 80', 'label x=y'],
        message: 'by hand',
      })
      assert.deepEqual(image.config.config, {
        Cmd: ['/bin/tool', '-x'],
        Env: ['A=b', 'C=d e'],
        WorkingDir: '/srv',
        ExposedPorts: { '80/tcp': {} },
        Labels: { x: 'y' },
      })
      assert.deepEqual(image.diffIds, [sha256(archive)])
      assert.equal(readFileSync(join(layerRootPath(root, image.diffIds[0]!), 'bin/tool'), 'utf8'), 'tool')
      assert.equal(image.config.history?.[0]?.comment, 'by hand')
      await skopeo('copy', '--insecure-policy', `oci:${root}/oci:docker.io/library/made:1`, `dir:${fresh('copy')}`)
    }
    assert.equal((await images({ root })).length, 1, 'the later one has the name')
  })

  it('refuses a change that is none, a name by digest, and what is no archive', async () => {
    const file = fresh('root.tar')
    writeFileSync(file, writeTar([]))
    await assert.rejects(importImage(file, { root, changes: ['RUN true'] }), {
      code: 'INVALID_ARGUMENT',
      hint: /WORKDIR/,
    })
    await assert.rejects(importImage(file, { root, changes: ['CMD ["a", 1]'] }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(importImage(file, { root, name: `a@sha256:${'0'.repeat(64)}` }), { code: 'INVALID_REFERENCE' })
    writeFileSync(file, 'no archive '.repeat(100))
    await assert.rejects(importImage(file, { root }), { code: 'CORRUPT_LAYER' })
    assert.ok(!existsSync(join(root, 'oci/blobs/sha256', sha256(readFileSync(file)).slice(7))))
    mkdirSync(root, { recursive: true })
    assert.deepEqual(await images({ root }), [])
  })
})
