/** Pulls that must fail, or be cut short: what they say, and that the store is as it was. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { listImages } from '../../../src/image/image.ts'
import { pull } from '../../../src/image/pull.ts'
import { sha256 } from '../../support/image-builder.ts'
import { type Handler, imageOf, serve, startScripted } from '../../support/misbehaving-registry.ts'
import { writeTar } from '../../support/tar-writer.ts'
import { describeTree } from '../../support/tree.ts'

let scratch: string
let root: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-failures-'))
  root = join(scratch, 'store')
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const good = writeTar([{ path: 'good', data: Buffer.alloc(300_000, 'g') }])
const options = () => ({ root, retry: { retries: 2, baseDelay: 1 }, credentials: async () => undefined })

function assertNothingLeft(): void {
  for (const directory of ['tmp', 'layers', 'containers'])
    assert.deepEqual(readdirSync(join(root, directory)), [], directory)
}

function assertNothingPartial(): void {
  assert.deepEqual(readdirSync(join(root, 'tmp')), [])
  assert.deepEqual(existsSync(join(root, 'partial')) ? readdirSync(join(root, 'partial')) : [], [])
}

async function assertPullFails(handle: Handler, expected: { code: string; message?: RegExp }): Promise<void> {
  await using registry = await startScripted(handle)
  await assert.rejects(pull(`${registry.host}/app:v1`, options()), expected)
  assertNothingLeft()
  assert.deepEqual(await listImages(root), [])
}

describe('a pull fails, and leaves nothing,', () => {
  const image = imageOf([good])
  const layerUrl = `/v2/app/blobs/${image.layerDigests[0]}`
  /** As the registry should, but for the layer. */
  const layerAnswer =
    (answer: Handler): Handler =>
    (request, response, count) =>
      request.url === layerUrl ? answer(request, response, count) : serve(image, request, response)

  it('when a layer has another digest', async () => {
    const other = Buffer.from(good)
    other[600]! ^= 1
    await assertPullFails(
      layerAnswer((_, response) => response.end(other)),
      { code: 'DIGEST_MISMATCH' },
    )
  })

  it('when a layer is truncated', async () => {
    await assertPullFails(
      layerAnswer((_, response) => response.end(good.subarray(0, 1000))),
      { code: 'SIZE_MISMATCH' },
    )
  })

  it('when a layer is not there, or the registry breaks down', async () => {
    await assertPullFails(
      layerAnswer((_, response) => response.writeHead(404).end()),
      { code: 'IMAGE_NOT_FOUND' },
    )
    await assertPullFails(
      layerAnswer((_, response) => response.writeHead(500).end()),
      { code: 'REGISTRY_ERROR' },
    )
    await assertPullFails(
      layerAnswer((_, response) => response.destroy()),
      { code: 'REGISTRY_UNREACHABLE' },
    )
  })

  it('when one of several layers leaves its root', async () => {
    const hostile = imageOf([good, writeTar([{ path: '../evil', data: 'x' }]), writeTar([{ path: 'c', data: 'c' }])])
    await using registry = await startScripted((request, response) => serve(hostile, request, response))
    await assert.rejects(pull(`${registry.host}/app:v1`, options()), {
      code: 'UNSAFE_LAYER',
      message: 'unpack ../evil: its name contains ..',
    })
    assertNothingLeft()
    assert.deepEqual(await listImages(root), [])
  })

  it('when a layer is no archive', async () => {
    const garbage = imageOf([Buffer.alloc(2000, 'x')])
    await assertPullFails((request, response) => serve(garbage, request, response), { code: 'CORRUPT_LAYER' })
  })

  it('when the uncompressed bytes are not what the config says', async () => {
    const lying = imageOf([good])
    const config = Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: [sha256(Buffer.from('else'))] },
      }),
    )
    const manifest = JSON.parse(lying.documents.get('/v2/app/manifests/v1')!.body.toString())
    manifest.config = { ...manifest.config, digest: sha256(config), size: config.length }
    lying.documents.set(`/v2/app/blobs/${sha256(config)}`, { body: config, type: 'x' })
    lying.documents.set('/v2/app/manifests/v1', {
      body: Buffer.from(JSON.stringify(manifest)),
      type: manifest.mediaType,
    })
    await assertPullFails((request, response) => serve(lying, request, response), {
      code: 'DIGEST_MISMATCH',
      message: /diff id/,
    })
  })

  it('when the manifest is none', async () => {
    await assertPullFails((_, response) => response.end('<html>'), { code: 'INVALID_SPEC' })
    await assertPullFails((_, response) => response.end('{"schemaVersion":1}'), { code: 'UNSUPPORTED_MEDIA_TYPE' })
  })

  it('when the image is for another machine', async () => {
    const other = imageOf([good], { os: 'windows', architecture: 'amd64' })
    await assertPullFails((request, response) => serve(other, request, response), { code: 'PLATFORM_NOT_FOUND' })
  })

  it('when the caller wants no more', async () => {
    const abort = new AbortController()
    await using registry = await startScripted(
      layerAnswer((_, response) => {
        response.writeHead(200, { 'content-length': good.length })
        response.write(good.subarray(0, 100_000))
        setTimeout(() => abort.abort(), 50)
      }),
    )
    await assert.rejects(pull(`${registry.host}/app:v1`, { ...options(), signal: abort.signal }), { code: 'ABORTED' })
    assertNothingLeft()
  })
})

describe('a mirror that has other bytes', () => {
  /** Each with content that takes a while, and one of few bytes, which is had in memory. */
  const image = imageOf([
    good,
    writeTar([{ path: 'large', data: Buffer.alloc(8_000_000, 'l') }]),
    writeTar([{ path: 's' }]),
  ])
  const isLayer = (url: string) => image.layerDigests.some(digest => url.includes(digest))
  const damages: [string, (body: Buffer) => Buffer][] = [
    ['at their end', body => Buffer.concat([body.subarray(0, -1), Buffer.from('x')])],
    ['at their beginning, so that they are no archive', body => Buffer.concat([Buffer.from('x'), body.subarray(1)])],
    ['and another size', body => body.subarray(0, -512)],
  ]
  const damaging =
    (damage: (body: Buffer) => Buffer): Handler =>
    (request, response) => {
      request.url = request.url!.replace(/\?.*/, '')
      if (!isLayer(request.url)) return serve(image, request, response)
      const body = damage(image.documents.get(request.url)!.body)
      response.writeHead(200, { 'content-length': body.length }).end(body)
    }
  const mirrored = (upstream: string, ...mirrors: string[]) => {
    const hostsDir = join(scratch, 'certs.d')
    mkdirSync(join(hostsDir, upstream), { recursive: true })
    const toml = mirrors.map(url => `[host."${url}"]\ncapabilities = ["pull", "resolve"]\n`).join('')
    writeFileSync(join(hostsDir, upstream, 'hosts.toml'), toml)
    return { ...options(), hostsDir }
  }

  for (const [title, damage] of damages)
    it(`${title}: the layers come from the registry, and nothing of the mirror is left`, async () => {
      await using upstream = await startScripted((request, response) => serve(image, request, response))
      await using mirror = await startScripted(damaging(damage))
      const pulled = await pull(`${upstream.host}/app:v1`, mirrored(upstream.host, mirror.url))
      assert.equal(pulled.id, image.configDigest)
      const asked = (registry: typeof upstream) => registry.requests.filter(({ url }) => isLayer(url)).length
      assert.deepEqual([asked(mirror), asked(upstream)], [3, 3])
      assert.equal(
        upstream.requests.every(({ headers }) => headers.range === undefined),
        true,
      )
      const layers = readdirSync(join(root, 'layers')).map(name => [
        ...describeTree(join(root, 'layers', name, 'fs')).keys(),
      ])
      assert.deepEqual(
        layers
          .flat()
          .filter(path => path !== '')
          .sort(),
        ['good', 'large', 's'],
      )
      assertNothingPartial()
    })

  it('fails the pull when all have, each named, and leaves nothing', async () => {
    const bad = damaging(damages[0]![1])
    await using upstream = await startScripted(bad)
    await using mirror = await startScripted(bad)
    await assert.rejects(pull(`${upstream.host}/app:v1`, mirrored(upstream.host, mirror.url)), {
      code: 'DIGEST_MISMATCH',
      message: new RegExp(`, from ${upstream.host}; before: .*, from ${mirror.host}$`),
    })
    assertNothingLeft()
    assertNothingPartial()
  })

  it('does not hide that a layer is what nobody should unpack', async () => {
    const hostile = imageOf([writeTar([{ path: '../evil', data: Buffer.alloc(100_000) }])])
    const handle: Handler = (request, response) => {
      request.url = request.url!.replace(/\?.*/, '')
      serve(hostile, request, response)
    }
    await using upstream = await startScripted(handle)
    await using mirror = await startScripted(handle)
    await assert.rejects(pull(`${upstream.host}/app:v1`, mirrored(upstream.host, mirror.url)), { code: 'UNSAFE_LAYER' })
    assertNothingLeft()
  })
})

describe('a disk that is full', () => {
  it('is an error of its own, and what was there before stays', async () => {
    const disk = join(scratch, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
    try {
      root = join(disk, 'store')
      const small = imageOf([good])
      await using fine = await startScripted((request, response) => serve(small, request, response))
      await pull(`${fine.host}/app:v1`, options())
      const large = imageOf([writeTar([{ path: 'large', data: Buffer.alloc(6_000_000, 'l') }])])
      await using full = await startScripted((request, response) => serve(large, request, response))
      await assert.rejects(pull(`${full.host}/app:v1`, options()), { code: 'NO_SPACE' })
      assert.deepEqual(readdirSync(join(root, 'tmp')), [])
      assert.equal((await listImages(root)).length, 1)
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('a pull that is killed', () => {
  const program = `
    import { pull } from '${join(import.meta.dirname, '../../../src/image/pull.ts')}'
    await pull(process.argv[1], { root: process.argv[2] })
  `
  const start = (reference: string): ChildProcess =>
    spawn(process.execPath, ['--input-type=module', '-e', program, reference, root], { stdio: 'inherit' })

  it('at any moment leaves a store that works', async () => {
    const layers = ['a', 'b', 'c'].map(name =>
      writeTar(
        Array.from({ length: 300 }, (_, number) => ({ path: `${name}/${number}`, data: Buffer.alloc(3000, name) })),
      ),
    )
    const image = imageOf(layers)
    // Slow enough that the moments differ.
    await using registry = await startScripted(async (request, response) => {
      await sleep(20)
      serve(image, request, response)
    })
    const reference = `${registry.host}/app:v1`
    for (const delay of [150, 250, 300, 350, 400, 450, 500]) {
      const child = start(reference)
      await sleep(delay)
      child.kill('SIGKILL')
      await once(child, 'exit')
      await sleep(20) // The applier notices the end of its input.
      for (const { diffIds } of await listImages(root)) assert.equal(diffIds.length, 3)
    }
    const { diffIds } = await pull(reference, options())
    assert.deepEqual(readdirSync(join(root, 'tmp')), [])
    assert.equal(readdirSync(join(root, 'layers')).length, 3)
    for (const [at, diffId] of diffIds.entries()) {
      const tree = describeTree(join(root, 'layers', diffId.slice('sha256:'.length), 'fs'), { xattrs: false })
      assert.equal(tree.size, 302, `layer ${at}`)
      assert.ok([...tree.values()].every(({ type, size }) => type === 'directory' || size === 3000))
    }
  })
})
