import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseReference } from '../../../src/reference/reference.ts'
import { RegistryClient, type RegistryOptions } from '../../../src/registry/client.ts'
import type { Descriptor, Digest } from '../../../src/spec/image.ts'
import { sha256 } from '../../support/image-builder.ts'
import { type Handler, imageOf, serve, startScripted } from '../../support/misbehaving-registry.ts'

const layer = Buffer.alloc(200_000, 'layer')
const image = imageOf([layer])
const blob: Descriptor = { mediaType: 'x', digest: sha256(layer) as Digest, size: layer.length }
const blobUrl = `/v2/app/blobs/${blob.digest}`
const fast: RegistryOptions = { retry: { retries: 3, baseDelay: 1, maxDelay: 50 }, credentials: async () => undefined }

async function withRegistry<T>(
  handle: Handler,
  act: (client: RegistryClient, registry: Awaited<ReturnType<typeof startScripted>>) => Promise<T>,
  options: RegistryOptions = {},
): Promise<T> {
  await using registry = await startScripted(handle)
  await using client = await RegistryClient.open(registry.host, { ...fast, ...options })
  return await act(client, registry)
}

const manifest = (client: RegistryClient, host: string, rest = 'app:v1') =>
  client.fetchManifest(parseReference(`${host}/${rest}`))

describe('authentication', () => {
  const challenge = (host: string) =>
    `Bearer realm="http://${host}/token",service="reg,istry",scope="repository:app:pull"`

  it('follows a Bearer challenge, anonymously, and keeps the token', async () => {
    await withRegistry(
      (request, response) => {
        if (request.url?.startsWith('/token')) response.end(JSON.stringify({ token: 'secret', expires_in: 300 }))
        else if (request.headers.authorization !== 'Bearer secret') {
          response.writeHead(401, { 'www-authenticate': challenge(request.headers.host!) }).end()
        } else serve(image, request, response)
      },
      async (client, { host, requests }) => {
        await manifest(client, host)
        await client.fetchBlob('app', blob)
        const urls = requests.map(({ url }) => url)
        const token = '/token?service=reg%2Cistry&scope=repository%3Aapp%3Apull'
        assert.deepEqual(urls, ['/v2/app/manifests/v1', token, '/v2/app/manifests/v1', blobUrl])
        assert.equal(requests[1]!.headers.authorization, undefined)
      },
    )
  })

  it('sends a password to the token service, and Basic where it is asked for', async () => {
    const credentials = async () => ({ kind: 'password', username: 'u', password: 'p:w' }) as const
    const basic = `Basic ${Buffer.from('u:p:w').toString('base64')}`
    await withRegistry(
      (request, response) => {
        if (request.url?.startsWith('/token')) {
          assert.equal(request.headers.authorization, basic)
          response.end(JSON.stringify({ access_token: 't' }))
        } else if (request.headers.authorization === undefined) {
          response.writeHead(401, { 'www-authenticate': challenge(request.headers.host!) }).end()
        } else serve(image, request, response)
      },
      (client, { host }) => manifest(client, host),
      { credentials },
    )
    await withRegistry(
      (request, response) => {
        if (request.headers.authorization === basic) serve(image, request, response)
        else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      },
      (client, { host }) => manifest(client, host),
      { credentials },
    )
  })

  it('posts an identity token, so that it stands in no URL', async () => {
    await withRegistry(
      (request, response) => {
        if (request.url?.startsWith('/token')) response.end(JSON.stringify({ access_token: 't' }))
        else if (request.headers.authorization === undefined) {
          response.writeHead(401, { 'www-authenticate': challenge(request.headers.host!) }).end()
        } else serve(image, request, response)
      },
      async (client, { host, requests }) => {
        await manifest(client, host)
        const { method, url, body } = requests[1]!
        assert.deepEqual({ method, url }, { method: 'POST', url: '/token' })
        assert.equal(new URLSearchParams(body.toString()).get('refresh_token'), 'refresh')
      },
      { credentials: async () => ({ kind: 'identityToken', token: 'refresh' }) },
    )
  })

  it('says that credentials are missing or refused', async () => {
    const refuse: Handler = (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    await withRegistry(refuse, async (client, { host }) => {
      await assert.rejects(manifest(client, host), {
        code: 'REGISTRY_UNAUTHORIZED',
        hint: /^utsuwa login 127\.0\.0\.1:\d+$/,
      })
    })
    const credentials = async () => ({ kind: 'password', username: 'u', password: 'wrong' }) as const
    await withRegistry(
      refuse,
      async (client, { host }) => {
        await assert.rejects(manifest(client, host), { code: 'REGISTRY_UNAUTHORIZED', message: /status 401/ })
      },
      { credentials },
    )
  })

  it('asks once for a token that several requests want, and for each scope one', async () => {
    let tokens = 0
    await withRegistry(
      (request, response) => {
        if (request.url?.startsWith('/token')) {
          tokens++
          setTimeout(() => response.end('{"token":"secret","expires_in":300}'), 50)
        } else if (request.headers.authorization === undefined) {
          const scope = `repository:${request.url!.split('/')[2]}:pull`
          const realm = `Bearer realm="http://${request.headers.host}/token",scope="${scope}"`
          response.writeHead(401, { 'www-authenticate': realm }).end()
        } else response.end(layer)
      },
      async client => {
        await Promise.all([1, 2, 3].map(() => client.fetchBlob('app', blob)))
        assert.equal(tokens, 1)
        await client.fetchBlob('other', blob)
        assert.equal(tokens, 2)
      },
    )
  })

  describe('with a token that expires', () => {
    /** Each token is good for `uses` requests. */
    const rationed = (uses: number, lifetime: number): { handle: Handler; tokens: () => number } => {
      let tokens = 0
      let left = 0
      const handle: Handler = (request, response) => {
        if (request.url?.startsWith('/token')) {
          left = uses
          response.end(JSON.stringify({ token: `token-${++tokens}`, expires_in: lifetime }))
        } else if (request.headers.authorization === `Bearer token-${tokens}` && left-- > 0) {
          serve(image, request, response)
        } else response.writeHead(401, { 'www-authenticate': challenge(request.headers.host!) }).end()
      }
      return { handle, tokens: () => tokens }
    }

    it('gets a new one when the registry takes the old one no more', async () => {
      const { handle, tokens } = rationed(2, 300)
      await withRegistry(handle, async (client, { host }) => {
        for (let count = 0; count < 5; count++) await manifest(client, host)
        assert.equal(tokens(), 3)
      })
    })

    it('gets a new one before it expires, without asking in vain', async t => {
      const { handle, tokens } = rationed(100, 300)
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
      await withRegistry(handle, async (client, { host, requests }) => {
        await manifest(client, host)
        t.mock.timers.tick(280_000)
        await manifest(client, host)
        assert.equal(tokens(), 1)
        t.mock.timers.tick(15_000)
        await manifest(client, host)
        assert.equal(tokens(), 2)
        const refused = requests.filter(({ url, headers }) => !url.startsWith('/token') && !headers.authorization)
        assert.equal(refused.length, 2)
      })
    })

    it('in the middle of a blob goes on with the new one', async () => {
      let tokens = 0
      await withRegistry(
        (request, response) => {
          if (request.url?.startsWith('/token')) response.end(`{"token":"token-${++tokens}","expires_in":300}`)
          else if (request.headers.authorization === 'Bearer token-2') serve(image, request, response)
          else if (request.headers.authorization === 'Bearer token-1' && request.headers.range === undefined) {
            response.writeHead(200, { 'content-length': layer.length })
            response.write(layer.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 20))
          } else response.writeHead(401, { 'www-authenticate': challenge(request.headers.host!) }).end()
        },
        async (client, { requests }) => {
          assert.deepEqual(await client.fetchBlob('app', blob), layer)
          const { headers } = requests.at(-1)!
          assert.deepEqual([headers.authorization, headers.range], ['Bearer token-2', 'bytes=50000-'])
        },
      )
    })

    it('does not ask for ever', async () => {
      const { handle } = rationed(0, 300)
      await withRegistry(handle, async (client, { host, requests }) => {
        await assert.rejects(manifest(client, host), { code: 'REGISTRY_UNAUTHORIZED' })
        assert.equal(requests.length, 3)
      })
    })
  })

  it('does not follow a challenge to a token service without TLS when the registry has it', async () => {
    await withRegistry(
      (_, response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="ftp://evil/"' }).end(),
      async (client, { host }) => {
        await assert.rejects(manifest(client, host), { code: 'REGISTRY_ERROR' })
      },
    )
  })

  it('is never sent to the host of a redirect (CVE-2020-15157)', async () => {
    await using storage = await startScripted((request, response) => serve(image, request, response))
    await withRegistry(
      (request, response) => {
        if (request.headers.authorization === undefined)
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
        else response.writeHead(307, { location: `${storage.url}${request.url}` }).end()
      },
      async client => {
        assert.deepEqual(await client.fetchBlob('app', blob), layer)
        assert.equal(storage.requests.length, 1)
        assert.equal(storage.requests[0]!.headers.authorization, undefined)
      },
      { credentials: async () => ({ kind: 'password', username: 'u', password: 'p' }) },
    )
  })
})

describe('manifests', () => {
  it('are asked for in all four formats', async () => {
    await withRegistry(
      (request, response) => serve(image, request, response),
      async (client, { host, requests }) => {
        assert.equal((await manifest(client, host)).digest, image.manifestDigest)
        assert.equal(requests[0]!.headers.accept!.split(', ').length, 4)
      },
    )
  })

  it('must have the digest that the reference or the registry names', async () => {
    const lie: Handler = (_, response) => response.end('{}')
    await withRegistry(lie, async (client, { host }) => {
      await assert.rejects(manifest(client, host, `app@${image.manifestDigest}`), { code: 'DIGEST_MISMATCH' })
    })
    const header: Handler = (_, response) =>
      response.writeHead(200, { 'docker-content-digest': image.manifestDigest }).end('{}')
    await withRegistry(header, async (client, { host }) => {
      await assert.rejects(manifest(client, host), { code: 'DIGEST_MISMATCH' })
    })
  })

  it('are read again when the connection breaks in the middle', async () => {
    const body = image.documents.get('/v2/app/manifests/v1')!.body
    const cutOff: Handler = (_, response) => {
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, 20), () => setTimeout(() => response.destroy(), 10))
    }
    await withRegistry(
      (request, response, count) => (count < 2 ? cutOff(request, response, count) : serve(image, request, response)),
      async (client, { host, requests }) => {
        assert.equal((await manifest(client, host)).digest, image.manifestDigest)
        assert.equal(requests.length, 3)
      },
    )
    await withRegistry(cutOff, async (client, { host, requests }) => {
      await assert.rejects(manifest(client, host), { code: 'REGISTRY_UNREACHABLE' })
      assert.equal(requests.length, 4)
    })
  })

  it('are bounded, and unknown ones named', async () => {
    const endless: Handler = (_, response) => response.end(Buffer.alloc(5 * 1024 ** 2))
    await withRegistry(endless, async (client, { host }) => {
      await assert.rejects(manifest(client, host), { code: 'LIMIT_EXCEEDED' })
    })
    await withRegistry(
      (request, response) => serve(image, request, response),
      async (client, { host }) => {
        await assert.rejects(manifest(client, host, 'nothing:here'), {
          code: 'IMAGE_NOT_FOUND',
          message: `pull ${host}/nothing:here: the registry has no such image`,
        })
      },
    )
  })
})

describe('retries', () => {
  it('after 429 and 503, no earlier than Retry-After says', async () => {
    await withRegistry(
      (request, response, count) => {
        if (count === 0) response.writeHead(429, { 'retry-after': '1' }).end()
        else if (count === 1) response.writeHead(503).end()
        else serve(image, request, response)
      },
      async (client, { host, requests }) => {
        const start = Date.now()
        await manifest(client, host)
        assert.equal(requests.length, 3)
        assert.ok(Date.now() - start >= 990, `${Date.now() - start} ms`)
      },
      { retry: { retries: 3, baseDelay: 1, maxDelay: 5000 } },
    )
  })

  it('end, and the last answer is told without control characters', async () => {
    const failing: Handler = (_, response) => {
      response.writeHead(500).end(JSON.stringify({ errors: [{ code: 'UNKNOWN', message: 'dis\u001b[31mk' }] }))
    }
    await withRegistry(failing, async (client, { host, requests }) => {
      await assert.rejects(manifest(client, host), {
        code: 'REGISTRY_ERROR',
        message: `GET http://${host}/v2/app/manifests/v1: status 500 (UNKNOWN: dis [31mk)`,
      })
      assert.equal(requests.length, 4)
    })
    await withRegistry(
      (_, response) => response.writeHead(429).end(),
      (client, { host }) => assert.rejects(manifest(client, host), { code: 'REGISTRY_RATE_LIMITED' }),
    )
  })

  it('not when the connection is refused', async () => {
    await using client = await RegistryClient.open('127.0.0.1:1', fast)
    await assert.rejects(manifest(client, '127.0.0.1:1'), {
      code: 'REGISTRY_UNREACHABLE',
      message: 'connect to registry 127.0.0.1:1: ECONNREFUSED (connection refused)',
    })
  })

  it('stop when the caller wants no more', async () => {
    const abort = new AbortController()
    const failing: Handler = (_, response) => {
      response.writeHead(503).end()
      abort.abort()
    }
    await withRegistry(failing, (client, { host }) => assert.rejects(manifest(client, host), { code: 'ABORTED' }), {
      signal: abort.signal,
      retry: { baseDelay: 10_000 },
    })
  })
})

describe('the rate limit', () => {
  const limits = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }

  it('is known after a manifest', async () => {
    await withRegistry(
      (request, response) => {
        for (const [name, value] of Object.entries(limits)) response.setHeader(name, value)
        serve(image, request, response)
      },
      async (client, { host }) => {
        assert.equal(client.rateLimit, undefined)
        await manifest(client, host)
        assert.deepEqual(client.rateLimit, { limit: 100, remaining: 76, window: 21600 })
      },
    )
  })

  it('is told when it is reached, with what helps', async () => {
    await withRegistry(
      (_, response) => response.writeHead(429, { ...limits, 'ratelimit-remaining': '0;w=21600' }).end(),
      async (client, { host }) => {
        await assert.rejects(manifest(client, host), {
          code: 'REGISTRY_RATE_LIMITED',
          message: /status 429; 0 of 100 pulls in 6 hours are left$/,
          hint: /utsuwa login/,
        })
      },
    )
  })
})

describe('blobs', () => {
  /** Sends `bytes` of what was asked for, then breaks the connection. */
  const breakAfter = (
    bytes: number,
    response: import('node:http').ServerResponse,
    body: Buffer,
    headers = {},
    status = 200,
  ) => {
    response.writeHead(status, { 'content-length': body.length, ...headers })
    response.write(body.subarray(0, bytes), () => setTimeout(() => response.destroy(), 10))
  }

  const inChunks = (response: import('node:http').ServerResponse, ...chunks: Buffer[]) => {
    for (const chunk of chunks) response.write(chunk)
    response.end()
  }

  it('are resumed where the connection broke', async () => {
    await withRegistry(
      (request, response, count) => {
        if (count === 0) breakAfter(50_000, response, layer)
        else serve(image, request, response)
      },
      async (client, { requests }) => {
        assert.deepEqual(await client.fetchBlob('app', blob), layer)
        assert.deepEqual(
          requests.map(({ headers }) => headers.range),
          [undefined, 'bytes=50000-'],
        )
      },
    )
  })

  it('are asked for from where the receiver has them', async () => {
    await withRegistry(
      (request, response) => serve(image, request, response),
      async (client, { requests }) => {
        const rest = Buffer.concat(await Array.fromAsync(client.blobReader('app', blob).read(150_000)))
        assert.deepEqual(rest, layer.subarray(150_000))
        assert.equal(requests[0]!.headers.range, 'bytes=150000-')
      },
    )
    await withRegistry(
      (_, response) => response.end(layer),
      async client => {
        const rest = Buffer.concat(await Array.fromAsync(client.blobReader('app', blob).read(150_000)))
        assert.deepEqual(rest, layer.subarray(150_000))
      },
    )
  })

  it('are read again from the start, past what is known, by registries without Range', async () => {
    await withRegistry(
      (_, response, count) => (count < 2 ? breakAfter(60_000 * (count + 1), response, layer) : response.end(layer)),
      async client => assert.deepEqual(await client.fetchBlob('app', blob), layer),
    )
  })

  it('are given up when a registry without Range breaks again and again', async () => {
    await withRegistry(
      (_, response, count) => breakAfter(10_000 * (count + 1), response, layer),
      client => assert.rejects(client.fetchBlob('app', blob), { code: 'REGISTRY_ERROR', message: /keeps breaking/ }),
    )
  })

  it('are given up when nothing more comes', async () => {
    await withRegistry(
      (_, response) => response.destroy(),
      async (client, { requests }) => {
        await assert.rejects(client.fetchBlob('app', blob), { code: 'REGISTRY_UNREACHABLE' })
        assert.ok(requests.length >= 4)
      },
    )
  })

  it('are given up when the registry falls silent', async () => {
    await withRegistry(
      (_, response) => {
        response.writeHead(200, { 'content-length': layer.length })
        response.write(layer.subarray(0, 1000))
      },
      client => assert.rejects(client.fetchBlob('app', blob), { code: 'REGISTRY_UNREACHABLE' }),
      { inactivityTimeout: 100, retry: { retries: 1, baseDelay: 1 } },
    )
  })

  it('must have the size of their descriptor', async () => {
    const cases: [string, Handler][] = [
      ['shorter', (_, response) => response.end(layer.subarray(1))],
      ['longer', (_, response) => response.end(Buffer.concat([layer, layer]))],
      ['longer, in chunks', (_, response) => inChunks(response, layer, Buffer.from('x'))],
      [
        'shorter, in chunks',
        (_, response, count) => inChunks(response, count === 0 ? layer.subarray(9) : Buffer.alloc(0)),
      ],
    ]
    for (const [title, handle] of cases) {
      await withRegistry(handle, client =>
        assert.rejects(client.fetchBlob('app', blob), { code: 'SIZE_MISMATCH' }, title),
      )
    }
  })

  it('must have their digest', async () => {
    const other = Buffer.from(layer)
    other[7]! ^= 1
    await withRegistry(
      (_, response) => response.end(other),
      client => assert.rejects(client.fetchBlob('app', blob), { code: 'DIGEST_MISMATCH' }),
    )
  })

  it('must be the part that was asked for', async () => {
    await withRegistry(
      (_, response, count) => {
        if (count === 0) return breakAfter(50_000, response, layer)
        response.writeHead(206, { 'content-range': `bytes 0-9/${layer.length}` }).end(layer.subarray(0, 10))
      },
      client =>
        assert.rejects(client.fetchBlob('app', blob), {
          code: 'REGISTRY_ERROR',
          message: /asked for bytes from 50000/,
        }),
    )
  })

  it('end when the caller stops reading', async () => {
    await withRegistry(
      (request, response) => serve(image, request, response),
      async client => {
        for await (const _ of client.blobReader('app', blob).read()) break
        await sleep(1)
      },
    )
  })
})

describe('redirects', () => {
  it('are followed five times', async () => {
    await withRegistry(
      (_, response) => response.writeHead(302, { location: '/again' }).end(),
      (client, { host }) =>
        assert.rejects(manifest(client, host), { code: 'REGISTRY_ERROR', message: /more than 5 redirects/ }),
    )
  })

  it('to what is no web page are refused', async () => {
    await withRegistry(
      (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      (client, { host }) => assert.rejects(manifest(client, host), { code: 'REGISTRY_ERROR' }),
    )
  })
})
