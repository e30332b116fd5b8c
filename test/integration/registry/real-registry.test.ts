/** Debian's docker-registry, guarded in every way it knows: what the scripted registries of the unit tests stand for. */
import assert from 'node:assert/strict'
import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pull } from '../../../src/image/pull.ts'
import { type PushProgress, push } from '../../../src/image/push.ts'
import { parseReference } from '../../../src/reference/reference.ts'
import { RegistryClient, type RegistryOptions } from '../../../src/registry/client.ts'
import type { Credentials } from '../../../src/registry/credentials.ts'
import { listReferrers, listTags } from '../../../src/registry/lists.ts'
import { login, logout } from '../../../src/registry/login.ts'
import { digestOf, MEDIA_TYPE } from '../../../src/spec/image.ts'
import { type Issued, makeAuthority, type TestAuthority } from '../../support/certificates.ts'
import { buildImage, pushImage, skopeo } from '../../support/image-builder.ts'
import { imageOf, serve, startScripted } from '../../support/misbehaving-registry.ts'
import { startRegistry, type TestRegistry } from '../../support/registry.ts'
import { writeTar } from '../../support/tar-writer.ts'

let scratch: string
let root: string
let open: TestRegistry
let name: string
let authority: TestAuthority
let server: Issued

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'utsuwa-real-'))
  root = join(scratch, 'store')
  authority = makeAuthority(scratch)
  server = authority.issue('server', ['IP:127.0.0.1'])
  open = await startRegistry()
  const layers = ['one', 'two'].map(text => writeTar([{ path: text, data: Buffer.alloc(200_000, text) }]))
  await buildImage({ dir: join(scratch, 'layout'), layers, compression: 'none' })
  name = `${open.host}/team/app:v1`
  await pushImage(join(scratch, 'layout'), name)
  await pull(name, { root })
})
after(async () => {
  await open[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true, force: true })
})

const anonymous = async () => undefined
const user = { kind: 'password', username: 'user', password: 'secret' } as const
const as = (credentials: Credentials) => async () => credentials

/** Pushes the image there and pulls it into an empty store. */
async function roundTrip(destination: string, options: RegistryOptions): Promise<void> {
  const { digest } = await push(name, { root, destination, ...options })
  const empty = mkdtempSync(join(scratch, 'empty-'))
  const image = await pull(destination, { root: empty, ...options })
  assert.equal(image.manifestDigest, digest)
  assert.equal(image.diffIds.length, 2)
}

describe('push', () => {
  it('uploads what is missing, and skopeo reads it', async () => {
    const kinds: string[] = []
    const onProgress = ({ kind }: PushProgress) => kinds.push(kind)
    await using other = await startRegistry()
    const destination = `${other.host}/copy/app:v2`
    const pushed = await push(name, { root, destination, credentials: anonymous, onProgress })
    assert.equal(pushed.reference, destination)
    assert.equal(kinds.filter(kind => kind === 'uploaded').length, 3)
    const stdout = await skopeo('inspect', '--tls-verify=false', '--raw', `docker://${destination}`)
    assert.equal(digestOf(Buffer.from(stdout)), pushed.digest)
    kinds.length = 0
    await push(name, { root, destination, credentials: anonymous, onProgress })
    assert.deepEqual(
      kinds.filter(kind => kind !== 'present'),
      ['pushed'],
    )
    await roundTrip(destination, { credentials: anonymous })
  })

  it('mounts blobs of another repository', async () => {
    const kinds: string[] = []
    const destination = `${open.host}/elsewhere/app:v1`
    await push(name, { root, destination, credentials: anonymous, onProgress: ({ kind }) => kinds.push(kind) })
    assert.deepEqual(kinds.sort(), ['mounted', 'mounted', 'mounted', 'pushed'])
  })

  it('uploads in chunks', async () => {
    await using other = await startRegistry()
    const destination = `${other.host}/chunks/app:v1`
    await push(name, { root, destination, credentials: anonymous, chunkSize: 60_000 })
    const image = await pull(destination, { root: join(scratch, 'chunks'), credentials: anonymous })
    assert.equal(image.diffIds.length, 2)
  })

  it('by digest, which must be its own', async () => {
    const { manifestDigest } = await pull(name, { root, credentials: anonymous })
    const destination = `${open.host}/digest/app@${manifestDigest}`
    assert.equal((await push(name, { root, destination, credentials: anonymous })).reference, destination)
    const wrong = `${open.host}/digest/app@${digestOf(Buffer.from('x'))}`
    await assert.rejects(push(name, { root, destination: wrong, credentials: anonymous }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(push('no/such:image', { root }), { code: 'IMAGE_NOT_FOUND' })
  })
})

describe('lists', () => {
  it('tags in pages, and referrers by the tag that stands in for the API', async () => {
    await using client = await RegistryClient.open(open.host, { credentials: anonymous })
    const { bytes, digest, mediaType } = await client.fetchManifest(parseReference(name))
    const tags = Array.from({ length: 5 }, (_, number) => `n${number}`)
    for (const tag of tags) await client.pushManifest('team/app', tag, { bytes, digest, mediaType })
    // Debian's registry lists them as they come.
    assert.deepEqual((await listTags(client, 'team/app')).sort(), [...tags, 'v1'])

    const place = { registry: open.host, repository: 'team/app' }
    assert.deepEqual(await listReferrers(client, place, digest), [])
    const entry = {
      mediaType: MEDIA_TYPE.ociManifest,
      digest,
      size: bytes.length,
      artifactType: 'application/x.signature',
    }
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [entry] }))
    const document = { bytes: index, digest: digestOf(index), mediaType: MEDIA_TYPE.ociIndex }
    await client.pushManifest('team/app', digest.replace(':', '-'), document)
    assert.deepEqual(await listReferrers(client, place, digest, 'application/x.signature'), [entry])
    assert.deepEqual(await listReferrers(client, place, digest, 'application/x.else'), [])
  })
})

describe('an image with a subject', () => {
  it('is listed among the referrers of that, by whoever pushes it', async () => {
    const credentials = anonymous
    await using source = await startScripted((request, response) => serve(signature, request, response))
    const subject = (await pull(name, { root, credentials })).manifestDigest
    const signature = imageOf([writeTar([{ path: 'signature', data: 'signed' }])])
    const { body, type } = signature.documents.get('/v2/app/manifests/v1')!
    const manifest = JSON.parse(body.toString())
    manifest.subject = { mediaType: MEDIA_TYPE.ociManifest, digest: subject, size: 1 }
    manifest.artifactType = 'application/x.signature'
    signature.documents.set('/v2/app/manifests/v1', { body: Buffer.from(JSON.stringify(manifest)), type })
    await pull(`${source.host}/app:v1`, { root, credentials })

    const place = { registry: open.host, repository: 'signed/app' }
    const destination = `${open.host}/signed/app:signature`
    const { digest } = await push(`${source.host}/app:v1`, { root, destination, credentials })
    await push(`${source.host}/app:v1`, { root, destination, credentials })
    await using client = await RegistryClient.open(open.host, { credentials })
    const found = await listReferrers(client, place, subject, 'application/x.signature')
    assert.deepEqual(
      found.map(entry => entry.digest),
      [digest],
    )
  })
})

describe('a registry with passwords', () => {
  it('lets those in who have one, and says who has not', async () => {
    const file = join(scratch, 'htpasswd')
    // "secret", by bcrypt.
    writeFileSync(file, 'user:$2b$05$k4X/9XEOTgDCG3ng4EddyeeT77sIMfP40ET6iyuBityPJpVqGOpD2\n')
    await using registry = await startRegistry({ auth: { htpasswd: { realm: 'test', path: file } } })
    const destination = `${registry.host}/app:v1`
    await roundTrip(destination, { credentials: as(user) })
    const refused = { code: 'REGISTRY_UNAUTHORIZED' }
    await assert.rejects(push(name, { root, destination, credentials: anonymous }), refused)
    await assert.rejects(pull(destination, { root, credentials: as({ ...user, password: 'no' }) }), refused)

    const authFile = join(scratch, 'auth.json')
    await assert.rejects(login(registry.host, { ...user, password: 'no' }, { authFile }), refused)
    await login(registry.host, user, { authFile })
    await roundTrip(destination, { authFile })
    assert.deepEqual(await logout(registry.host, { authFile }), [authFile])
    await assert.rejects(pull(destination, { root, authFile }), refused)
  })
})

describe('a registry with tokens', () => {
  it('sends us to its token service, for each scope and after each expiry', async () => {
    const issuer = authority.issue('issuer', ['DNS:issuer'])
    const scopes: string[] = []
    let expired = 1
    await using service = await startScripted((request, response) => {
      const basic = `Basic ${Buffer.from('user:secret').toString('base64')}`
      if (request.headers.authorization !== basic) return response.writeHead(401).end()
      const { searchParams } = new URL(request.url!, 'http://x')
      scopes.push(...searchParams.getAll('scope'))
      const age = expired-- > 0 ? 3600 : 0
      const token = makeToken(issuer, searchParams.get('service')!, searchParams.getAll('scope'), age)
      response.end(JSON.stringify({ token, expires_in: 300 }))
    })
    await using registry = await startRegistry({
      auth: { token: { realm: `${service.url}/token`, service: 'test', issuer: 'us', rootcertbundle: authority.file } },
    })
    const destination = `${registry.host}/team/app:v1`
    await assert.rejects(push(name, { root, destination, credentials: as(user) }), { code: 'REGISTRY_UNAUTHORIZED' })
    scopes.length = 0
    await roundTrip(destination, { credentials: as(user) })
    // The registry names pull and push in either order.
    const asked = new Set(scopes.map(scope => scope.replace('push,pull', 'pull,push')))
    assert.deepEqual([...asked].sort(), ['repository:team/app:pull', 'repository:team/app:pull,push'])
    const kinds: string[] = []
    const elsewhere = `${registry.host}/other/app:v1`
    const onProgress = ({ kind }: PushProgress) => kinds.push(kind)
    await pull(destination, { root, credentials: as(user) })
    await push(destination, { root, destination: elsewhere, credentials: as(user), onProgress })
    assert.deepEqual(kinds.sort(), ['mounted', 'mounted', 'mounted', 'pushed'])
    await login(registry.host, user, { authFile: join(scratch, 'token-auth.json') })
    await assert.rejects(pull(destination, { root, credentials: as({ ...user, password: 'no' }) }), {
      code: 'REGISTRY_UNAUTHORIZED',
    })
  })
})

/** A token as distribution's specification has it: a JSON Web Token with the certificate of who signed it. */
function makeToken(issuer: Issued, audience: string, scopes: readonly string[], ageSeconds: number): string {
  const encode = (value: object | Buffer) =>
    (Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value))).toString('base64url')
  const now = Math.floor(Date.now() / 1000) - ageSeconds
  const access = scopes.map(scope => {
    const [type, repository, actions = ''] = scope.split(':')
    return { type, name: repository, actions: actions.split(',') }
  })
  const header = { typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(issuer.certificate).raw.toString('base64')] }
  const claims = {
    iss: 'us',
    sub: 'user',
    aud: audience,
    iat: now,
    nbf: now - 60,
    exp: now + 300,
    jti: randomUUID(),
    access,
  }
  const signed = `${encode(header)}.${encode(claims)}`
  const key = createPrivateKey(issuer.key)
  return `${signed}.${encode(sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }))}`
}

describe('a registry with TLS', () => {
  it('is reached when its authority is known, and when the user says so', async () => {
    await using registry = await startRegistry({ tls: { certificate: server.certificateFile, key: server.keyFile } })
    const hostsDir = join(scratch, 'certs.d')
    const destination = `${registry.host}/app:v1`
    await assert.rejects(push(name, { root, destination, credentials: anonymous }), {
      code: 'REGISTRY_ERROR',
      hint: /--insecure/,
    })
    await roundTrip(destination, { insecure: true, credentials: anonymous })
    mkdirSync(join(hostsDir, registry.host), { recursive: true })
    writeFileSync(join(hostsDir, registry.host, 'ca.crt'), authority.certificate)
    await roundTrip(destination, { hostsDir, credentials: anonymous })
  })

  it('that asks for a certificate gets the one that is configured', async () => {
    const client = authority.issue('client', ['DNS:client'])
    const { certificateFile: certificate, keyFile: key } = server
    await using registry = await startRegistry({ tls: { certificate, key, clientcas: [authority.file] } })
    const hostsDir = join(scratch, 'client-certs.d')
    const own = join(hostsDir, registry.host)
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'ca.crt'), authority.certificate)
    const destination = `${registry.host}/app:v1`
    await assert.rejects(push(name, { root, destination, hostsDir, credentials: anonymous }), {
      code: 'REGISTRY_UNREACHABLE',
    })
    writeFileSync(join(own, 'client.cert'), readFileSync(client.certificateFile))
    writeFileSync(join(own, 'client.key'), readFileSync(client.keyFile))
    await roundTrip(destination, { hostsDir, credentials: anonymous })
  })
})

describe('a mirror', () => {
  it('serves for a registry that is gone, and the registry for a mirror that is gone', async () => {
    const hostsDir = join(scratch, 'mirror-certs.d')
    for (const [registry, mirror] of [
      ['127.0.0.1:1', open.url],
      [open.host, 'http://127.0.0.1:1'],
    ] as const) {
      mkdirSync(join(hostsDir, registry), { recursive: true })
      writeFileSync(join(hostsDir, registry, 'hosts.toml'), `[host."${mirror}"]\ncapabilities = ["pull", "resolve"]\n`)
      const image = await pull(`${registry}/team/app:v1`, {
        root: mkdtempSync(join(scratch, 'mirrored-')),
        hostsDir,
        credentials: anonymous,
      })
      assert.equal(image.diffIds.length, 2)
    }
  })
})
