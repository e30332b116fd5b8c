/** What a pull makes of the documents a registry serves: an index, docker's formats, digests of either kind. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { pull } from '../../../src/image/pull.ts'
import { imageOf, type ServedImage, serve, startScripted } from '../../support/misbehaving-registry.ts'
import { writeTar } from '../../support/tar-writer.ts'

let scratch: string
let root: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-documents-'))
  root = join(scratch, 'store')
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const layerOf = (name: string) => writeTar([{ path: name, data: name }])

/** Serves several images as one, under `app:v1`. */
function indexOf(images: [ServedImage, object][], mediaType = OCI_INDEX): ServedImage {
  const documents = new Map(images.flatMap(([image]) => [...image.documents]))
  const manifests = images.map(([{ documents, manifestDigest }, platform]) => {
    const { body, type } = documents.get(`/v2/app/manifests/${manifestDigest}`)!
    return { mediaType: type, digest: manifestDigest, size: body.length, platform }
  })
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }))
  documents.set('/v2/app/manifests/v1', { body, type: mediaType })
  return { ...images[0]![0], documents }
}

async function pullServed(image: ServedImage, platform?: string) {
  await using registry = await startScripted((request, response) => serve(image, request, response))
  const options = { root, retry: { retries: 0 }, credentials: async () => undefined }
  return await pull(`${registry.host}/app:v1`, { ...options, ...(platform === undefined ? {} : { platform }) })
}

const arm64 = { os: 'linux', architecture: 'arm64', variant: 'v8' }
const riscv = { os: 'linux', architecture: 'riscv64' }
const windows = { os: 'windows', architecture: 'amd64' }

describe('an index', () => {
  const images = (): [ServedImage, object][] => [
    [imageOf([layerOf('attestation')]), { os: 'unknown', architecture: 'unknown' }],
    [imageOf([layerOf('windows')], windows), windows],
    [imageOf([layerOf('arm64')], arm64), arm64],
    [imageOf([layerOf('riscv64')], riscv), riscv],
  ]

  it('gives the image of the platform that is asked for', async () => {
    const { config } = await pullServed(indexOf(images()), 'linux/arm64')
    assert.equal(config.architecture, 'arm64')
    const list = indexOf(images(), 'application/vnd.docker.distribution.manifest.list.v2+json')
    assert.equal((await pullServed(list, 'riscv64')).config.architecture, 'riscv64')
  })

  it('without the platform says what there is', async () => {
    await assert.rejects(pullServed(indexOf(images()), 'linux/s390x'), {
      code: 'PLATFORM_NOT_FOUND',
      message: /no image for linux\/s390x, there is windows\/amd64, linux\/arm64\/v8, linux\/riscv64$/,
    })
  })

  it('must give the size of what it leads to', async () => {
    const served = indexOf([[imageOf([layerOf('a')], arm64), arm64]])
    const { body, type } = served.documents.get('/v2/app/manifests/v1')!
    const index = JSON.parse(body.toString())
    index.manifests[0].size += 1
    served.documents.set('/v2/app/manifests/v1', { body: Buffer.from(JSON.stringify(index)), type })
    await assert.rejects(pullServed(served, 'arm64'), { code: 'SIZE_MISMATCH' })
  })
})

describe('documents', () => {
  it('of docker are taken, layer and all', async () => {
    const image = imageOf([layerOf('docker')])
    const { body } = image.documents.get('/v2/app/manifests/v1')!
    const type = 'application/vnd.docker.distribution.manifest.v2+json'
    const manifest = { ...JSON.parse(body.toString()), mediaType: type }
    manifest.config.mediaType = 'application/vnd.docker.container.image.v1+json'
    manifest.layers[0].mediaType = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
    image.documents.set('/v2/app/manifests/v1', { body: Buffer.from(JSON.stringify(manifest)), type })
    assert.equal((await pullServed(image)).diffIds.length, 1)
  })

  it('and layers may have sha512 digests', async () => {
    const layer = layerOf('sha512')
    const image = imageOf([layer])
    const digest = `sha512:${createHash('sha512').update(layer).digest('hex')}`
    const { body, type } = image.documents.get('/v2/app/manifests/v1')!
    const manifest = JSON.parse(body.toString())
    manifest.layers[0].digest = digest
    image.documents.set(`/v2/app/blobs/${digest}`, { body: layer, type: 'application/octet-stream' })
    image.documents.set('/v2/app/manifests/v1', { body: Buffer.from(JSON.stringify(manifest)), type })
    await pullServed(image)
    assert.ok(existsSync(join(root, 'oci/blobs/sha512', digest.slice('sha512:'.length))))
  })

  it('whose layers are of a kind that nobody knows are refused', async () => {
    const image = imageOf([layerOf('x')])
    const { body, type } = image.documents.get('/v2/app/manifests/v1')!
    const manifest = JSON.parse(body.toString())
    manifest.layers[0].mediaType = 'application/x.model'
    image.documents.set('/v2/app/manifests/v1', { body: Buffer.from(JSON.stringify(manifest)), type })
    await assert.rejects(pullServed(image), { code: 'UNSUPPORTED_MEDIA_TYPE', message: /no layer format/ })
  })
})
