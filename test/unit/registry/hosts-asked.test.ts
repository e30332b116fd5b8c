/** Which host is asked, over which connection: mirrors, insecure registries, certificates, proxies, and none within. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { connect, type LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { UtsuwaError } from '../../../src/errors.ts'
import { parseReference } from '../../../src/reference/reference.ts'
import { RegistryClient, type RegistryOptions } from '../../../src/registry/client.ts'
import type { Descriptor, Digest } from '../../../src/spec/image.ts'
import { type Issued, makeAuthority, type TestAuthority } from '../../support/certificates.ts'
import { sha256 } from '../../support/image-builder.ts'
import {
  type Handler,
  imageOf,
  type ScriptedRegistry,
  serve,
  startScripted,
} from '../../support/misbehaving-registry.ts'

const layer = Buffer.alloc(200_000, 'layer')
const image = imageOf([layer])
const blob: Descriptor = { mediaType: 'x', digest: sha256(layer) as Digest, size: layer.length }
const good: Handler = (request, response) => serve(image, request, response)

let directory: string
let hostsDir: string
let authority: TestAuthority
let issued: Issued
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'utsuwa-hosts-'))
  authority = makeAuthority(directory)
  issued = authority.issue('server', ['IP:127.0.0.1', 'DNS:registry.example', 'DNS:auth.example'])
})
after(() => rmSync(directory, { recursive: true }))
beforeEach(() => {
  hostsDir = mkdtempSync(join(directory, 'certs.d-'))
})

const configure = (registry: string, files: Record<string, string>) => {
  mkdirSync(join(hostsDir, registry), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(hostsDir, registry, name), text)
}

/** Every name is this machine. */
const lookup: LookupFunction = (_, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

const options = (): RegistryOptions => ({
  hostsDir,
  lookup,
  retry: { retries: 1, baseDelay: 1, maxDelay: 50 },
  credentials: async () => undefined,
})

async function manifest(name: string, more: RegistryOptions = {}) {
  const reference = parseReference(name)
  await using client = await RegistryClient.open(reference.registry, { ...options(), ...more })
  return (await client.fetchManifest(reference)).digest
}

describe('mirrors', () => {
  const servers = (...mirrors: string[]) =>
    mirrors.map(url => `[host."${url}"]\ncapabilities = ["pull", "resolve"]\n`).join('')

  it('are asked first, and told for whom', async () => {
    await using upstream = await startScripted(good)
    await using mirror = await startScripted((request, response) => {
      request.url = request.url!.replace(/\?.*/, '')
      good(request, response, 0)
    })
    configure(upstream.host, { 'hosts.toml': servers(mirror.url) })
    await using client = await RegistryClient.open(upstream.host, options())
    await client.fetchManifest(parseReference(`${upstream.host}/app:v1`))
    assert.deepEqual(await client.fetchBlob('app', blob), layer)
    assert.deepEqual(upstream.requests, [])
    const namespace = encodeURIComponent(upstream.host)
    assert.equal(mirror.requests[0]!.url, `/v2/app/manifests/v1?ns=${namespace}`)
  })

  const failures: [string, Handler][] = [
    ['has no such image', (_, response) => response.writeHead(404).end()],
    ['breaks down', (_, response) => response.writeHead(503).end()],
    ['wants to be left alone', (_, response) => response.writeHead(429, { 'retry-after': '3600' }).end()],
    ['hangs up', (_, response) => response.destroy()],
    ['knows us not', (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()],
    ['leads nowhere', (_, response) => response.writeHead(302, { location: 'ftp://x/' }).end()],
  ]
  for (const [title, handle] of failures) {
    it(`are passed over at once when one ${title}`, async () => {
      await using upstream = await startScripted(good)
      await using mirror = await startScripted(handle)
      configure(upstream.host, { 'hosts.toml': servers('http://127.0.0.1:1', mirror.url) })
      assert.equal(await manifest(`${upstream.host}/app:v1`), image.manifestDigest)
      assert.equal(mirror.requests.length, 1)
    })
  }

  it('that break in the middle of a blob are helped out', async () => {
    await using upstream = await startScripted(good)
    await using mirror = await startScripted((request, response) => {
      if (request.headers.range !== undefined) return response.destroy()
      response.writeHead(200, { 'content-length': layer.length })
      response.write(layer.subarray(0, 70_000), () => setTimeout(() => response.destroy(), 20))
    })
    configure(upstream.host, { 'hosts.toml': servers(mirror.url) })
    await using client = await RegistryClient.open(upstream.host, options())
    assert.deepEqual(await client.fetchBlob('app', blob), layer)
    assert.deepEqual(
      upstream.requests.map(({ headers }) => headers.range),
      ['bytes=70000-'],
    )
  })

  /** As a good one, but of everything another first byte. */
  const corrupting: Handler = (request, response) => {
    const { documents } = image
    const found = documents.get(request.url!.replace(/\?.*/, ''))
    if (found === undefined) return response.writeHead(404).end()
    const body = Buffer.from(found.body)
    body[0]! ^= 1
    response.writeHead(200, { 'content-type': found.type, 'docker-content-digest': image.manifestDigest }).end(body)
  }
  const larger: Handler = ({ url }, response) =>
    url!.includes('/blobs/') ? response.end(Buffer.alloc(layer.length + 1)) : response.writeHead(404).end()

  it('that have other bytes are passed over, the next of them and the registry asked', async () => {
    await using upstream = await startScripted(good)
    await using first = await startScripted(corrupting)
    await using second = await startScripted(larger)
    configure(upstream.host, { 'hosts.toml': servers(first.url, second.url) })
    await using client = await RegistryClient.open(upstream.host, options())
    assert.deepEqual(await client.fetchBlob('app', blob), layer)
    for (const asked of [first, second, upstream]) assert.equal(asked.requests.length, 1)
    // By its digest, and by a name for which the mirror itself says which digest it has.
    for (const name of [`app@${image.manifestDigest}`, 'app:v1'])
      assert.equal(await manifest(`${upstream.host}/${name}`), image.manifestDigest)
    assert.equal(first.requests.length, 3)
    assert.equal(upstream.requests.length, 3)
  })

  it('are named with what each has wrong when all have', async () => {
    await using upstream = await startScripted(corrupting)
    await using first = await startScripted(corrupting)
    await using second = await startScripted(larger)
    configure(upstream.host, { 'hosts.toml': servers(first.url, 'http://127.0.0.1:1', second.url) })
    await using client = await RegistryClient.open(upstream.host, options())
    await assert.rejects(client.fetchBlob('app', blob), ({ code, message }: UtsuwaError) => {
      assert.equal(code, 'DIGEST_MISMATCH')
      const said = message.split(/; before: |; /)
      assert.match(said[0]!, new RegExp(`expected ${blob.digest}, got sha256:\\w+, from ${upstream.host}$`))
      assert.match(said[1]!, new RegExp(`expected ${blob.digest}, got sha256:\\w+, from ${first.host}$`))
      assert.match(said[2]!, /connect to registry 127.0.0.1:1: ECONNREFUSED/)
      assert.match(said[3]!, new RegExp(`200000.*, from ${second.host}$`))
      return true
    })
    const digest = image.manifestDigest
    await assert.rejects(manifest(`${upstream.host}/app@${digest}`), ({ code, message }: UtsuwaError) => {
      assert.equal(code, 'DIGEST_MISMATCH')
      for (const { host } of [upstream, first]) assert.ok(message.includes(`from ${host}`), message)
      return true
    })
  })

  it('that give a part of wrong bytes, and break, spoil nothing of the registry', async () => {
    await using upstream = await startScripted(good)
    await using mirror = await startScripted((request, response) => {
      if (request.headers.range !== undefined) return response.destroy()
      response.writeHead(200, { 'content-length': layer.length })
      response.write(Buffer.alloc(70_000), () => setTimeout(() => response.destroy(), 20))
    })
    configure(upstream.host, { 'hosts.toml': servers(mirror.url) })
    await using client = await RegistryClient.open(upstream.host, options())
    assert.deepEqual(await client.fetchBlob('app', blob), layer)
    assert.deepEqual(
      upstream.requests.map(({ headers }) => headers.range),
      ['bytes=70000-', undefined],
    )
  })

  it('are named when nobody has answered', async () => {
    configure('127.0.0.1:1', { 'hosts.toml': servers('http://127.0.0.1:2') })
    await assert.rejects(manifest('127.0.0.1:1/app:v1'), {
      code: 'REGISTRY_UNREACHABLE',
      message: /127.0.0.1:1: ECONNREFUSED.*; before: connect to registry 127.0.0.1:2: ECONNREFUSED/,
    })
  })

  it('get headers of their own, which hosts they redirect to do not get', async () => {
    await using storage = await startScripted(good)
    await using mirror = await startScripted((request, response) => {
      const location = `${storage.url}${request.url!.replace(/\?.*/, '')}`
      response.writeHead(307, { location }).end()
    })
    configure('registry.example', {
      'hosts.toml': `[host."${mirror.url}"]\n[host."${mirror.url}".header]\nx-secret = "s"\n`,
    })
    await manifest('registry.example/app:v1')
    assert.equal(mirror.requests[0]!.headers['x-secret'], 's')
    assert.equal(storage.requests[0]!.headers['x-secret'], undefined)
  })
})

describe('TLS', () => {
  const start = (handle: Handler, more = {}) =>
    startScripted(handle, { tls: { cert: issued.certificate, key: issued.key, ...more } })

  it('is believed only when a known authority has signed', async () => {
    await using registry = await start(good)
    configure(registry.host, { 'other.crt': makeAuthority(mkdtempSync(join(directory, 'other-'))).certificate })
    await assert.rejects(manifest(`${registry.host}/app:v1`), {
      code: 'REGISTRY_UNREACHABLE',
      message: /certificate/,
      hint: `put its authority into /etc/utsuwa/certs.d/${registry.host}/ca.crt`,
    })
    configure(registry.host, { 'ca.crt': authority.certificate })
    assert.equal(await manifest(`${registry.host}/app:v1`), image.manifestDigest)
  })

  it('shows the client certificate to the registry, and to no host that it leads to', async () => {
    const ask = { ca: authority.certificate, requestCert: true, rejectUnauthorized: false }
    const shown: boolean[] = []
    const note = (request: import('node:http').IncomingMessage) =>
      shown.push((request.socket as import('node:tls').TLSSocket).authorized)
    await using storage = await start((request, response) => {
      note(request)
      good(request, response, 0)
    }, ask)
    await using registry = await start((request, response) => {
      note(request)
      response.writeHead(307, { location: `${storage.url}${request.url}` }).end()
    }, ask)
    const client = authority.issue('client', ['DNS:client'])
    configure(registry.host, {
      'ca.crt': authority.certificate,
      'client.cert': client.certificate,
      'client.key': client.key,
    })
    await manifest(`${registry.host}/app:v1`)
    assert.deepEqual(shown, [true, false])
  })

  it('is spoken unverified to insecure registries, and plain text to those that know no TLS', async () => {
    await using secure = await start(good)
    await using plain = await startScripted(good)
    assert.equal(await manifest(`${secure.host}/app:v1`, { insecure: true }), image.manifestDigest)
    assert.equal(await manifest(`${plain.host}/app:v1`, { insecure: true }), image.manifestDigest)
    const [, port] = plain.host.split(':')
    assert.equal(await manifest(`registry.example:${port}/app:v1`, { insecure: true }), image.manifestDigest)
    await assert.rejects(manifest(`registry.example:${port}/app:v1`), { code: 'REGISTRY_UNREACHABLE' })
  })

  it('that is needed on loopback is told', async () => {
    await using registry = await startScripted((_, response) =>
      response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n'),
    )
    await assert.rejects(manifest(`${registry.host}/app:v1`), { code: 'REGISTRY_ERROR', hint: /--insecure/ })
  })
})

describe('a registry elsewhere', () => {
  /** A TLS registry that is not on loopback by its name. */
  async function remote(handle: Handler): Promise<ScriptedRegistry & { name: string }> {
    const registry = await startScripted(handle, { tls: { cert: issued.certificate, key: issued.key } })
    const name = `registry.example:${registry.host.split(':')[1]}`
    configure(name, { 'ca.crt': authority.certificate })
    return Object.assign(registry, { name })
  }

  it('is reached', async () => {
    await using registry = await remote(good)
    assert.equal(await manifest(`${registry.name}/app:v1`), image.manifestDigest)
  })

  it('cannot lead to a local address by a redirect, neither by number nor by name', async () => {
    await using inner = await startScripted(good, { tls: { cert: issued.certificate, key: issued.key } })
    const port = inner.host.split(':')[1]
    for (const host of ['127.0.0.1', '[::1]', 'localhost', '169.254.169.254', '2130706433', 'auth.example']) {
      await using registry = await remote((request, response) => {
        response.writeHead(307, { location: `https://${host}:${port}${request.url}` }).end()
      })
      await assert.rejects(
        manifest(`${registry.name}/app:v1`),
        { code: 'REGISTRY_ERROR', message: /local address/ },
        host,
      )
    }
    assert.equal(inner.requests.length, 0)
  })

  it('cannot lead credentials to a local token service, nor off TLS', async () => {
    await using inner = await startScripted((_, response) => response.end('{"token":"t"}'))
    const port = inner.host.split(':')[1]
    const credentials = async () => ({ kind: 'password', username: 'u', password: 'p' }) as const
    for (const realm of [
      `http://127.0.0.1:${port}/`,
      `https://127.0.0.1:${port}/`,
      `https://auth.example:${port}/`,
      'http://auth.example/',
    ]) {
      await using registry = await remote((_, response) => {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end()
      })
      const expected = { code: 'REGISTRY_ERROR', message: /local address|from TLS/ }
      await assert.rejects(manifest(`${registry.name}/app:v1`, { credentials }), expected, realm)
    }
    assert.equal(inner.requests.length, 0)
  })
})

describe('the challenge of a storage host', () => {
  it('is not answered: it would get the credentials of the registry (CVE-2020-15157)', async () => {
    await using thief = await startScripted((request, response) => {
      if (request.url!.startsWith('/token')) response.end('{"token":"t"}')
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="${thief.url}/token"` }).end()
    })
    await using registry = await startScripted((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      } else response.writeHead(307, { location: `${thief.url}${request.url}` }).end()
    })
    const credentials = async () => ({ kind: 'password', username: 'u', password: 'secret' }) as const
    await assert.rejects(manifest(`${registry.host}/app:v1`, { credentials }), { code: 'REGISTRY_UNAUTHORIZED' })
    assert.deepEqual(
      thief.requests.map(({ url, headers }) => [url, headers.authorization]),
      [['/v2/app/manifests/v1', undefined]],
    )
  })
})

describe('proxies', () => {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
  const saved = Object.fromEntries(names.map(name => [name, process.env[name]]))
  beforeEach(() => {
    for (const name of names) delete process.env[name]
  })
  afterEach(() => {
    for (const name of names) {
      if (saved[name] === undefined) delete process.env[name]
      else process.env[name] = saved[name]
    }
  })

  /** Forwards everything to this machine; `seen` is what it was asked for. */
  async function startProxy() {
    const seen: string[] = []
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`)
      const { port, pathname } = new URL(request.url!)
      const { method, headers } = request
      request.pipe(
        httpRequest({ host: '127.0.0.1', port, path: pathname, method, headers }, answer => {
          response.writeHead(answer.statusCode!, answer.headers)
          answer.pipe(response)
        }),
      )
    })
    server.on('connect', (request, socket, head) => {
      seen.push(`CONNECT ${request.url}`)
      const tunnel = connect(Number(request.url!.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        tunnel.write(head)
        tunnel.pipe(socket).pipe(tunnel)
      })
      tunnel.on('error', () => socket.destroy())
      socket.on('error', () => tunnel.destroy())
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    return {
      url: `http://127.0.0.1:${port}`,
      seen,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections()
        await new Promise(resolve => server.close(resolve))
      },
    }
  }

  const unresolvable: LookupFunction = (hostname, _, callback) => {
    callback(Object.assign(new Error(`no ${hostname} here`), { code: 'ENOTFOUND' }), '')
  }

  it('are used for TLS, through a tunnel, with the authority of the registry', async () => {
    await using registry = await startScripted(good, { tls: { cert: issued.certificate, key: issued.key } })
    await using proxy = await startProxy()
    const name = `registry.example:${registry.host.split(':')[1]}`
    configure(name, { 'ca.crt': authority.certificate })
    process.env.HTTPS_PROXY = proxy.url
    assert.equal(await manifest(`${name}/app:v1`, { lookup: unresolvable }), image.manifestDigest)
    assert.deepEqual(proxy.seen, [`CONNECT ${name}`])
  })

  it('are used for plain text', async () => {
    await using registry = await startScripted(good)
    await using proxy = await startProxy()
    const name = `registry.example:${registry.host.split(':')[1]}`
    configure(name, { 'hosts.toml': `server = "http://${name}"` })
    process.env.http_proxy = proxy.url
    assert.equal(await manifest(`${name}/app:v1`, { lookup: unresolvable }), image.manifestDigest)
    assert.match(proxy.seen.join(), new RegExp(name))
  })

  it('are not used for loopback, nor for what NO_PROXY names', async () => {
    await using registry = await startScripted(good)
    process.env.HTTP_PROXY = 'http://127.0.0.1:1'
    assert.equal(await manifest(`${registry.host}/app:v1`), image.manifestDigest)
    const name = `registry.example:${registry.host.split(':')[1]}`
    configure(name, { 'hosts.toml': `server = "http://${name}"` })
    await assert.rejects(manifest(`${name}/app:v1`), { code: 'REGISTRY_UNREACHABLE' })
    process.env.NO_PROXY = '.example'
    assert.equal(await manifest(`${name}/app:v1`), image.manifestDigest)
  })
})
