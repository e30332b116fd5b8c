import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  MAX_LAYERS,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE,
  parseImageConfig,
  parseImageIndex,
  parseManifestDocument,
} from '../../../src/spec/image.ts'

const digest = `sha256:${'a'.repeat(64)}`
const json = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const descriptor = { mediaType: 'application/x', digest, size: 1 }
const manifest = { schemaVersion: 2, config: descriptor, layers: [descriptor] }

describe('parseManifestDocument', () => {
  it('tells an index from a manifest by its content', () => {
    assert.equal(parseManifestDocument(json(manifest)).kind, 'manifest')
    assert.equal(parseManifestDocument(json({ schemaVersion: 2, manifests: [descriptor] })).kind, 'index')
  })

  it('refuses what could be read as both (CVE-2021-41190)', () => {
    for (const extra of [{ layers: [] }, { config: descriptor }]) {
      assert.throws(() => parseManifestDocument(json({ schemaVersion: 2, manifests: [], ...extra })), {
        code: 'INVALID_SPEC',
        message: /ambiguous/,
      })
    }
  })

  it('refuses a media type that says something else than the content', () => {
    assert.throws(() => parseManifestDocument(json(manifest), MEDIA_TYPE.ociIndex), { configPointer: '/mediaType' })
    assert.throws(() => parseManifestDocument(json({ ...manifest, mediaType: MEDIA_TYPE.dockerList })), {
      configPointer: '/mediaType',
    })
    assert.equal(parseManifestDocument(json(manifest), 'text/plain').kind, 'manifest')
  })

  it('names docker schema 1', () => {
    assert.throws(() => parseManifestDocument(json({ schemaVersion: 1, fsLayers: [] })), {
      code: 'UNSUPPORTED_MEDIA_TYPE',
      message: /schema 1/,
    })
  })

  const wrong: [string, unknown, string][] = [
    ['no digest', { ...manifest, config: { ...descriptor, digest: 'sha256:x' } }, '/config/digest'],
    ['a negative size', { ...manifest, layers: [{ ...descriptor, size: -1 }] }, '/layers/0/size'],
    [
      'a size beyond what a number holds',
      `{"schemaVersion":2,"config":${JSON.stringify(descriptor)},"layers":[{"mediaType":"x","digest":"${digest}","size":9007199254740993}]}`,
      '/layers/0/size',
    ],
    ['no layers', { schemaVersion: 2, config: descriptor }, '/layers'],
    ['an array', [], ''],
    ['null', null, ''],
    ['too many layers', { ...manifest, layers: Array(MAX_LAYERS + 1).fill(descriptor) }, ''],
  ]
  for (const [title, value, pointer] of wrong) {
    it(`says where it is wrong: ${title}`, () => {
      assert.throws(() => parseManifestDocument(json(value)), { code: 'INVALID_SPEC', configPointer: pointer })
    })
  }

  it('is bounded', () => {
    assert.throws(() => parseManifestDocument(Buffer.alloc(MAX_MANIFEST_SIZE + 1, ' ')), { code: 'LIMIT_EXCEEDED' })
    assert.throws(() => parseManifestDocument(json('not json')), { code: 'INVALID_SPEC' })
  })

  it('takes no member from a prototype, and gives none away', () => {
    const text = `{"schemaVersion":2,"__proto__":{"layers":[]},"config":${JSON.stringify(descriptor)}}`
    assert.throws(() => parseManifestDocument(json(text)), { configPointer: '/layers' })
    const planted = `{"schemaVersion":2,"manifests":[],"annotations":{"__proto__":"x"}}`
    const index = parseImageIndex(json(planted))
    assert.equal(Object.getPrototypeOf(index.annotations), Object.prototype)
    assert.equal(({} as { x?: unknown }).x, undefined)
  })
})

describe('parseImageConfig', () => {
  const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest] } }

  it('keeps what a container needs, and takes null for absent', () => {
    const parsed = parseImageConfig(
      json({
        ...config,
        config: { Cmd: null, Entrypoint: ['/x'], Env: ['A=b'], Labels: null, Volumes: { '/data': {} } },
        unknown: 1,
      }),
    )
    assert.deepEqual(parsed, { ...config, config: { Entrypoint: ['/x'], Env: ['A=b'], Volumes: { '/data': {} } } })
  })

  it('says where it is wrong', () => {
    assert.throws(() => parseImageConfig(json({ ...config, rootfs: { type: 'layers', diff_ids: ['x'] } })), {
      configPointer: '/rootfs/diff_ids/0',
    })
    assert.throws(() => parseImageConfig(json({ ...config, config: { Env: 'A=b' } })), { configPointer: '/config/Env' })
    assert.throws(() => parseImageConfig(json({ ...config, os: undefined })), { configPointer: '/os' })
  })
})
