/** Images in the store: named, listed, looked at, removed, collected. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { history, images, inspectImage, prune, pull, removeImage, tag } from '../../../src/index.ts'
import { prepareSnapshot } from '../../../src/snapshot/active.ts'
import { removeSnapshot } from '../../../src/snapshot/remove.ts'
import { buildImage, pushImage, skopeo } from '../../support/image-builder.ts'
import { startRegistry, type TestRegistry } from '../../support/registry.ts'
import { writeTar } from '../../support/tar-writer.ts'

let registry: TestRegistry
let scratch: string
let root: string
let count = 0

before(async () => {
  registry = await startRegistry()
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-store-'))
})

beforeEach(() => {
  root = join(scratch, `store-${count++}`)
})

after(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true, force: true })
})

/** Pulls an image with one layer for each text, whose file says it. */
async function pulled(name: string, ...layers: string[]): Promise<string> {
  const dir = join(scratch, `layout-${count++}`)
  const archives = layers.map(text => writeTar([{ path: 'file', data: text }]))
  await buildImage({ dir, layers: archives, config: { Labels: { made: layers.join() } } })
  const reference = `${registry.host}/${name}`
  await pushImage(dir, reference)
  await pull(reference, { root })
  return reference
}

const names = async (): Promise<string[]> => (await images({ root })).map(({ reference }) => reference)
const layers = (): string[] => readdirSync(join(root, 'layers'))
const blobs = (): string[] => readdirSync(join(root, 'oci/blobs/sha256'))

describe('tag', () => {
  it('adds a name, and takes it from the image that had it', async () => {
    const one = await pulled('one:v1', 'one')
    const two = await pulled('two:v1', 'two')
    const { id } = await tag(one, 'alias', { root })
    assert.equal((await inspectImage('alias', { root })).id, id)
    assert.deepEqual(await names(), [one, two, 'docker.io/library/alias:latest'])
    await tag(two, 'alias', { root })
    assert.notEqual((await inspectImage('alias', { root })).id, id)
    assert.deepEqual(await names(), [one, two, 'docker.io/library/alias:latest'])
    await skopeo('inspect', `oci:${root}/oci:docker.io/library/alias:latest`)
  })

  it('refuses what is no name, a digest, and an image that is not there', async () => {
    const one = await pulled('one:v1', 'one')
    await assert.rejects(tag(one, 'Upper', { root }), { code: 'INVALID_REFERENCE' })
    await assert.rejects(tag(one, `a@sha256:${'0'.repeat(64)}`, { root }), { code: 'INVALID_REFERENCE' })
    await assert.rejects(tag('nothing', 'a', { root }), { code: 'IMAGE_NOT_FOUND', hint: 'utsuwa pull nothing' })
  })
})

describe('removeImage', () => {
  it('takes a name away, and the image with its last one', async () => {
    const one = await pulled('one:v1', 'one')
    const { id } = await tag(one, 'alias', { root })
    assert.deepEqual(await removeImage(one, { root }), { untagged: [one] })
    assert.equal(layers().length, 1)
    assert.deepEqual(await removeImage('alias', { root }), {
      untagged: ['docker.io/library/alias:latest'],
      deleted: id,
    })
    assert.deepEqual([...layers(), ...blobs(), ...readdirSync(join(root, 'tmp'))], [])
  })

  it('asks for --force before an id takes several names along', async () => {
    const one = await pulled('one:v1', 'one')
    const { id } = await tag(one, 'alias', { root })
    const short = id.slice('sha256:'.length, 19)
    await assert.rejects(removeImage(short, { root }), {
      code: 'IMAGE_IN_USE',
      hint: `remove one with utsuwa rmi ${one}, or all with utsuwa rmi --force ${short}`,
    })
    const removed = await removeImage(short, { root, force: true })
    assert.deepEqual(removed, { untagged: [one, 'docker.io/library/alias:latest'], deleted: id })
    assert.deepEqual(await names(), [])
  })

  it('does not take a name for the beginning of an id', async () => {
    const one = await pulled('one:v1', 'one')
    const { id } = await tag(one, 'alias', { root })
    // A name that the digits of the id contain, as it would be typed.
    const digits = id.slice('sha256:'.length + 5, 'sha256:'.length + 12)
    await tag(one, digits, { root })
    assert.deepEqual((await removeImage(digits, { root })).untagged, [`docker.io/library/${digits}:latest`])
    assert.deepEqual(await names(), [one, 'docker.io/library/alias:latest'])
  })

  it('says which container uses an image and what to type', async () => {
    const one = await pulled('one:v1', 'one')
    const { diffIds } = await inspectImage(one, { root })
    await prepareSnapshot(root, 'c0ffee', diffIds)
    await assert.rejects(removeImage(one, { root }), {
      code: 'IMAGE_IN_USE',
      message: `remove image ${one}: container c0ffee is made from it`,
      hint: 'remove the container first: utsuwa rm c0ffee',
    })
    await removeImage(one, { root, force: true })
    assert.equal(layers().length, 1, 'its layer stays for the container')
    await removeSnapshot(root, 'c0ffee')
    await prune({ root })
    assert.deepEqual(layers(), [])
  })

  it('removes an image whose documents are damaged, by its name', async () => {
    const one = await pulled('one:v1', 'one')
    const two = await pulled('two:v1', 'two')
    const { manifestDigest } = await inspectImage(one, { root })
    writeFileSync(join(root, 'oci/blobs', manifestDigest.replace(':', '/')), 'damaged')
    await assert.rejects(images({ root }), { code: 'STORE_CORRUPT', hint: new RegExp(`utsuwa rmi ${one}`) })
    assert.equal((await inspectImage(two, { root })).reference, two)
    await removeImage(one, { root })
    assert.deepEqual(await names(), [two])
    assert.equal(layers().length, 1)
  })

  it('is undone by a pull, which also repairs a damaged document', async () => {
    const one = await pulled('one:v1', 'one')
    const { manifestDigest } = await inspectImage(one, { root })
    writeFileSync(join(root, 'oci/blobs', manifestDigest.replace(':', '/')), 'damaged')
    await pull(one, { root })
    assert.deepEqual(await names(), [one])
  })
})

describe('prune', () => {
  it('keeps what has a name, and collects what nothing refers to', async () => {
    const one = await pulled('one:v1', 'one', 'two')
    mkdirSync(join(root, 'layers/left'))
    writeFileSync(join(root, 'layers/left/over'), Buffer.alloc(100_000, 1))
    mkdirSync(join(root, 'tmp/layer-sha256-0'))
    mkdirSync(join(root, 'containers/cut-short'))
    const { images: removed, reclaimed } = await prune({ root })
    assert.deepEqual(removed, [])
    assert.ok(reclaimed >= 100_000, String(reclaimed))
    assert.deepEqual(await names(), [one])
    assert.deepEqual(
      [layers().length, readdirSync(join(root, 'tmp')), readdirSync(join(root, 'containers'))],
      [2, [], []],
    )
  })

  it('with all, removes images that no container uses', async () => {
    const one = await pulled('one:v1', 'one')
    const two = await pulled('two:v1', 'two')
    const { id, diffIds } = await inspectImage(one, { root })
    await prepareSnapshot(root, 'box', (await inspectImage(two, { root })).diffIds)
    assert.deepEqual((await prune({ root, all: true })).images, [{ untagged: [one], deleted: id }])
    assert.deepEqual(await names(), [two])
    assert.ok(!existsSync(join(root, 'layers', diffIds[0]!.replace('sha256:', ''))))
  })

  it('removes what a container wrote that nobody knows of any more', async () => {
    const one = await pulled('one:v1', 'one')
    const { diffIds } = await inspectImage(one, { root })
    const owner = join(scratch, 'known')
    mkdirSync(owner)
    await prepareSnapshot(root, 'known', diffIds, owner)
    await prepareSnapshot(root, 'forgotten', diffIds, join(scratch, 'gone'))
    await prune({ root })
    assert.deepEqual(readdirSync(join(root, 'containers')), ['known'])
    rmSync(owner, { recursive: true })
    await removeImage(one, { root })
    assert.deepEqual([...layers(), ...readdirSync(join(root, 'containers'))], [])
  })

  it('does not make a store', async () => {
    assert.deepEqual(await prune({ root }), { images: [], reclaimed: 0 })
    assert.ok(!existsSync(root))
  })
})

describe('inspectImage and history', () => {
  it('tell of names, layers and steps', async () => {
    const one = await pulled('team/one:v1', 'below', 'above')
    await tag(one, `${registry.host}/team/one:v2`, { root })
    const image = await inspectImage(one, { root })
    assert.deepEqual(image.names, [one, `${registry.host}/team/one:v2`])
    assert.deepEqual(image.repoDigests, [`${registry.host}/team/one@${image.manifestDigest}`])
    assert.deepEqual(image.config.config?.Labels, { made: 'below,above' })
    for (const { digest, size } of image.layers)
      assert.equal(readFileSync(join(root, 'oci/blobs', digest.replace(':', '/'))).length, size)
    const steps = await history(one, { root })
    assert.deepEqual(
      steps.map(({ layer, size, createdBy }) => ({ layer, size, createdBy })),
      image.layers
        .toReversed()
        .map(({ diffId, unpackedSize }) => ({ layer: diffId, size: unpackedSize, createdBy: 'test' })),
    )
    // Two names of one repository, and the name by digest, mean the same image.
    assert.equal((await inspectImage(`${registry.host}/team/one@${image.manifestDigest}`, { root })).id, image.id)
  })
})
