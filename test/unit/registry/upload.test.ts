import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { RegistryClient, type RegistryOptions } from '../../../src/registry/client.ts'
import { type BlobToPush, type PushBlobOptions, pushBlob } from '../../../src/registry/upload.ts'
import { type Digest, digestOf } from '../../../src/spec/image.ts'
import { startScripted } from '../../support/misbehaving-registry.ts'

const bytes = randomBytes(100_000)
const blob: BlobToPush = {
  digest: digestOf(bytes),
  size: bytes.length,
  read: (start, end) => Readable.from([bytes.subarray(start, end)], { objectMode: false }),
}
const fast: RegistryOptions = { retry: { retries: 4, baseDelay: 1, maxDelay: 50 }, credentials: async () => undefined }

interface Quirks {
  /** Answers in the place of the registry, when it returns true. @param count of earlier requests like it */
  before?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean
  early?: (request: IncomingMessage, response: ServerResponse, uploads: Map<string, Buffer>) => boolean
  /** Repositories whose blobs can be mounted. */
  mountable?: string[]
  headers?: Record<string, string>
}

/** The half of a registry that takes blobs; `stored` is what it has. */
async function startTaker({ before, early, mountable = [], headers = {} }: Quirks = {}) {
  const stored = new Map<string, Buffer>()
  const uploads = new Map<string, Buffer>()
  const counts = new Map<string, number>()
  const log: string[] = []
  const registry = await startScripted(
    (request, response) => {
      const url = new URL(request.url!, 'http://x')
      const kind = `${request.method} ${url.pathname.includes('/uploads/') ? 'upload' : 'blob'}`
      const count = counts.get(kind) ?? 0
      counts.set(kind, count + 1)
      log.push(
        `${request.method} ${url.pathname.replace(/sha256:.*/, 'D').replace(/[0-9a-f]{8}$/, 'U')}${request.headers['content-range'] ? ` ${request.headers['content-range']}` : ''}`,
      )
      if (before?.(request, response, count)) return
      const { body } = registry.requests.at(-1)!
      const id = url.pathname.split('/').at(-1)!
      const location = (to: string) => ({ location: `/v2/app/blobs/uploads/${to}?state=${to}`, ...headers })
      if (request.method === 'HEAD') return response.writeHead(stored.has(id) ? 200 : 404).end()
      if (request.method === 'POST') {
        if (mountable.includes(url.searchParams.get('from') ?? '')) return response.writeHead(201).end()
        const begun = randomBytes(4).toString('hex')
        uploads.set(begun, Buffer.alloc(0))
        return response.writeHead(202, location(begun)).end()
      }
      const has = uploads.get(id)
      if (has === undefined || url.searchParams.get('state') !== id) return response.writeHead(404).end()
      const range = { range: `0-${Math.max(0, has.length - 1)}` }
      if (request.method === 'GET') return response.writeHead(204, { ...location(id), ...range }).end()
      const start = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1]
      if (start !== undefined && Number(start) !== has.length) return response.writeHead(416, range).end()
      const now = Buffer.concat([has, body])
      uploads.set(id, now)
      if (request.method === 'PATCH') return response.writeHead(202, location(id)).end()
      const digest = url.searchParams.get('digest')!
      if (digest !== `sha256:${createHash('sha256').update(now).digest('hex')}`) {
        return response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}')
      }
      stored.set(digest, now)
      response.writeHead(201, { location: `/v2/app/blobs/${digest}` }).end()
    },
    early === undefined ? {} : { early: (request, response) => early(request, response, uploads) },
  )
  return Object.assign(registry, { stored, log })
}

async function pushTo(quirks: Quirks, options: PushBlobOptions = {}, more: RegistryOptions = {}) {
  await using registry = await startTaker(quirks)
  await using client = await RegistryClient.open(registry.host, { ...fast, ...more })
  const outcome = await pushBlob(client, 'app', blob, options)
  return { outcome, log: registry.log, stored: registry.stored.get(blob.digest) }
}

const whole = ['HEAD /v2/app/blobs/D', 'POST /v2/app/blobs/uploads/', 'PUT /v2/app/blobs/uploads/U']

describe('pushBlob', () => {
  it('asks first, and sends all in one request', async () => {
    const sent: number[] = []
    const { outcome, log, stored } = await pushTo({}, { onProgress: bytes => sent.push(bytes) })
    assert.equal(outcome, 'uploaded')
    assert.deepEqual(log, whole)
    assert.deepEqual(stored, bytes)
    assert.equal(sent.at(-1), bytes.length)
  })

  it('sends nothing that is there', async () => {
    await using registry = await startTaker()
    registry.stored.set(blob.digest, bytes)
    await using client = await RegistryClient.open(registry.host, fast)
    assert.equal(await pushBlob(client, 'app', blob, { mountFrom: 'other' }), 'present')
    assert.deepEqual(registry.log, ['HEAD /v2/app/blobs/D'])
  })

  it('mounts from another repository, or uploads when that has it not', async () => {
    const mounted = await pushTo({ mountable: ['other/app'] }, { mountFrom: 'other/app' })
    assert.equal(mounted.outcome, 'mounted')
    assert.deepEqual(mounted.log, whole.slice(0, 2))
    const uploaded = await pushTo({}, { mountFrom: 'other/app' })
    assert.equal(uploaded.outcome, 'uploaded')
    assert.deepEqual(uploaded.log, whole)
    const forbidden = await pushTo(
      {
        before: (request, response) => {
          const isMount = request.url!.includes('mount=')
          if (isMount) response.writeHead(403).end()
          return isMount
        },
      },
      { mountFrom: 'other/app' },
    )
    assert.equal(forbidden.outcome, 'uploaded')
  })

  it('sends chunks of the size that is asked for, or the least the registry takes', async () => {
    const { log, stored } = await pushTo({}, { chunkSize: 40_000 })
    assert.deepEqual(log.slice(2), [
      'PATCH /v2/app/blobs/uploads/U 0-39999',
      'PATCH /v2/app/blobs/uploads/U 40000-79999',
      'PATCH /v2/app/blobs/uploads/U 80000-99999',
      'PUT /v2/app/blobs/uploads/U',
    ])
    assert.deepEqual(stored, bytes)
    const least = await pushTo({ headers: { 'oci-chunk-min-length': '60000' } }, { chunkSize: 40_000 })
    assert.equal(least.log[2], 'PATCH /v2/app/blobs/uploads/U 0-59999')
    assert.deepEqual(least.stored, bytes)
  })

  it('goes on where the registry has it up to, after a broken connection', async () => {
    let broken = false
    const { log, stored } = await pushTo({
      early(request, response, uploads) {
        if (request.method !== 'PUT' || broken) return false
        broken = true
        // It has got 30,000 bytes when the line breaks.
        const id = new URL(request.url!, 'http://x').pathname.split('/').at(-1)!
        uploads.set(id, bytes.subarray(0, 30_000))
        request.once('data', () => response.destroy())
        return true
      },
    })
    assert.deepEqual(log.slice(2), [
      'GET /v2/app/blobs/uploads/U',
      'PATCH /v2/app/blobs/uploads/U 30000-99999',
      'PUT /v2/app/blobs/uploads/U',
    ])
    assert.deepEqual(stored, bytes)
  })

  it('begins again when the registry has forgotten the upload', async () => {
    const { log, stored } = await pushTo({
      before(request, response, count) {
        if (request.method === 'PUT' && count === 0) response.writeHead(500).end()
        else if (request.method === 'GET') response.writeHead(404).end()
        else return false
        return true
      },
    })
    assert.deepEqual(log.slice(1), [...whole.slice(1), 'GET /v2/app/blobs/uploads/U', ...whole.slice(1)])
    assert.deepEqual(stored, bytes)
  })

  it('waits as long as it is told', async () => {
    const start = Date.now()
    const { stored } = await pushTo(
      {
        before(request, response, count) {
          if (request.method !== 'PUT' || count > 0) return false
          response.writeHead(429, { 'retry-after': '1' }).end()
          return true
        },
      },
      {},
      { retry: { retries: 2, baseDelay: 1, maxDelay: 5000 } },
    )
    assert.ok(Date.now() - start >= 990)
    assert.deepEqual(stored, bytes)
  })

  it('gives up when nothing helps, and says what the registry said', async () => {
    const failing: Quirks = {
      before(request, response) {
        if (request.method !== 'PUT') return false
        response.writeHead(503).end('{"errors":[{"code":"UNKNOWN","message":"disk"}]}')
        return true
      },
    }
    await assert.rejects(pushTo(failing), { code: 'REGISTRY_ERROR', message: /PUT .*status 503 \(UNKNOWN: disk\)/ })
    const denied: Quirks = {
      before(request, response) {
        if (request.method !== 'POST') return false
        response.writeHead(403).end('{"errors":[{"code":"DENIED"}]}')
        return true
      },
    }
    await assert.rejects(pushTo(denied), { code: 'REGISTRY_UNAUTHORIZED', message: /POST .*DENIED/ })
  })

  it('stops when the caller wants no more', async () => {
    const abort = new AbortController()
    const hanging: Quirks = {
      early(request) {
        if (request.method !== 'PUT') return false
        request.once('data', () => abort.abort())
        return true
      },
    }
    await assert.rejects(pushTo(hanging, {}, { signal: abort.signal }), { code: 'ABORTED' })
  })

  it('sends bytes to another host when the registry says so, without credentials', async () => {
    await using storage = await startScripted((_, response) => response.writeHead(201).end())
    await using registry = await startScripted((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      } else if (request.method === 'HEAD') response.writeHead(404).end()
      else response.writeHead(202, { location: `${storage.url}/here?signature=s` }).end()
    })
    const credentials = async () => ({ kind: 'password', username: 'u', password: 'p' }) as const
    await using client = await RegistryClient.open(registry.host, { ...fast, credentials })
    await pushBlob(client, 'app', blob)
    const [{ url, headers, body } = assert.fail('nothing came')] = storage.requests
    assert.equal(url, `/here?signature=s&digest=${encodeURIComponent(blob.digest)}`)
    assert.equal(headers.authorization, undefined)
    assert.deepEqual(body, bytes)
  })

  it('sends an empty blob', async () => {
    await using registry = await startTaker()
    await using client = await RegistryClient.open(registry.host, fast)
    const digest = digestOf(Buffer.alloc(0)) as Digest
    await pushBlob(client, 'app', { digest, size: 0, read: () => assert.fail('read') })
    assert.equal(registry.stored.get(digest)?.length, 0)
  })
})

describe('pushManifest', () => {
  it('must be stored with the digest it has', async () => {
    const manifest = Buffer.from('{}')
    const put = async (stated: string | undefined) => {
      await using registry = await startScripted((_, response) => {
        response.writeHead(201, stated === undefined ? {} : { 'docker-content-digest': stated }).end()
      })
      await using client = await RegistryClient.open(registry.host, fast)
      await client.pushManifest('app', 'v1', {
        bytes: manifest,
        digest: digestOf(manifest),
        mediaType: 'application/x',
      })
      return registry.requests[0]!
    }
    assert.equal((await put(digestOf(manifest))).headers['content-type'], 'application/x')
    assert.deepEqual((await put(undefined)).body, manifest)
    await assert.rejects(put(digestOf(Buffer.from('else'))), { code: 'DIGEST_MISMATCH' })
  })
})
