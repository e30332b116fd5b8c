/** How layers travel: three at once, or six small ones, each once, and never again what has arrived already. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pull } from '../../../src/image/pull.ts'
import { type Handler, imageOf, serve, startScripted } from '../../support/misbehaving-registry.ts'
import { writeTar } from '../../support/tar-writer.ts'

let scratch: string
let root: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-transfer-'))
  root = join(scratch, 'store')
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const options = () => ({ root, retry: { retries: 1, baseDelay: 1 }, credentials: async () => undefined })
const layerOf = (name: string, size: number) => writeTar([{ path: name, data: Buffer.alloc(size, name) }])

/** Sends the first `bytes` of a body, then breaks the connection. */
function breakAfter(bytes: number, response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'content-length': body.length })
  response.write(body.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20))
}

describe('layers', () => {
  const atOnce = async (size: number, limit: number) => {
    const image = imageOf(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(name => layerOf(name, size)))
    const layers = new Set(image.layerDigests.map(digest => `/v2/app/blobs/${digest}`))
    let open = 0
    let most = 0
    let arrived = 0
    const waiting: (() => void)[] = []
    const handle: Handler = (request, response) => {
      if (!layers.has(request.url!)) return serve(image, request, response)
      arrived++
      most = Math.max(most, ++open)
      waiting.push(() => {
        open--
        serve(image, request, response)
      })
      if (open < limit && arrived < layers.size) return
      // Time for one more to come, if it would.
      setTimeout(() => {
        for (const answer of waiting.splice(0)) answer()
      }, 200)
    }
    await using registry = await startScripted(handle)
    await pull(`${registry.host}/app:v1`, options())
    assert.equal(most, limit)
    assert.equal(registry.requests.filter(({ url }) => layers.has(url)).length, 8)
  }
  it('are fetched three at a time', () => atOnce(100_000, 3))
  it('are fetched six at a time where they are small', () => atOnce(1000, 6))

  it('that several processes want at once are fetched once', async () => {
    const image = imageOf([layerOf('a', 2_000_000), layerOf('b', 100_000)])
    await using registry = await startScripted(async (request, response) => {
      await sleep(50)
      serve(image, request, response)
    })
    const program = `
      import { pull } from ${JSON.stringify(join(import.meta.dirname, '../../../src/image/pull.ts'))}
      await pull(${JSON.stringify(`${registry.host}/app:v1`)}, { root: ${JSON.stringify(root)}, credentials: async () => undefined })`
    const pullers = Array.from({ length: 3 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' }),
    )
    const codes = await Promise.all(pullers.map(async child => (await once(child, 'exit'))[0] as number))
    assert.deepEqual(codes, [0, 0, 0])
    for (const digest of image.layerDigests) {
      const count = registry.requests.filter(({ url }) => url === `/v2/app/blobs/${digest}`).length
      assert.equal(count, 1, digest)
    }
  })

  it('go on in the next pull where the last one was cut off', async () => {
    const layer = layerOf('big', 3_000_000)
    const image = imageOf([layer])
    const blob = `/v2/app/blobs/${image.layerDigests[0]}`
    let broken = true
    await using registry = await startScripted((request, response) => {
      if (request.url !== blob || !broken) return serve(image, request, response)
      if (request.headers.range === undefined) breakAfter(2_000_000, response, layer)
      else response.destroy()
    })
    await assert.rejects(pull(`${registry.host}/app:v1`, options()), { code: 'REGISTRY_UNREACHABLE' })
    assert.equal(readdirSync(join(root, 'partial')).length, 1)
    broken = false
    const before = registry.requests.length
    const { diffIds } = await pull(`${registry.host}/app:v1`, options())
    const [asked] = registry.requests.slice(before).filter(({ url }) => url === blob)
    assert.equal(asked!.headers.range, 'bytes=2000000-')
    assert.ok(existsSync(join(root, 'layers', diffIds[0]!.slice('sha256:'.length), 'fs/big')))
    assert.ok(!existsSync(join(root, 'partial')) || readdirSync(join(root, 'partial')).length === 0)
  })

  it('go on after the puller was killed', async () => {
    const layer = layerOf('big', 3_000_000)
    const image = imageOf([layer])
    const blob = `/v2/app/blobs/${image.layerDigests[0]}`
    let hang = true
    await using registry = await startScripted((request, response) => {
      if (request.url !== blob || !hang) return serve(image, request, response)
      response.writeHead(200, { 'content-length': layer.length })
      response.write(layer.subarray(0, 2_500_000))
    })
    const program = `
      import { pull } from ${JSON.stringify(join(import.meta.dirname, '../../../src/image/pull.ts'))}
      const onProgress = ({ kind, current }) => { if (kind === 'downloading' && current === 2_500_000) console.log('there') }
      await pull(${JSON.stringify(`${registry.host}/app:v1`)}, { root: ${JSON.stringify(root)}, credentials: async () => undefined, onProgress })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    hang = false
    await pull(`${registry.host}/app:v1`, options())
    const range = registry.requests.findLast(({ url }) => url === blob)!.headers.range
    // What had been written: whole megabytes of it.
    assert.match(range ?? '', /^bytes=[12]\d{6}-$/)
  })

  it('of an image with foreign layers are not fetched from elsewhere', async () => {
    const image = imageOf([layerOf('a', 10)])
    const { body, type } = image.documents.get('/v2/app/manifests/v1')!
    await using elsewhere = await startScripted((_, response) => response.end('x'))
    const manifest = JSON.parse(body.toString())
    manifest.layers[0].urls = [`${elsewhere.url}/layer`]
    manifest.layers[0].mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
    image.documents.set('/v2/app/manifests/v1', { body: Buffer.from(JSON.stringify(manifest)), type })
    await using registry = await startScripted((request, response) => serve(image, request, response))
    await assert.rejects(pull(`${registry.host}/app:v1`, options()), {
      code: 'UNSUPPORTED_MEDIA_TYPE',
      message: /layers from outside the registry are not fetched/,
    })
    assert.equal(elsewhere.requests.length, 0)
  })
})
