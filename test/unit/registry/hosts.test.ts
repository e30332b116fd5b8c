import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type HostOptions, hostsOf } from '../../../src/registry/hosts.ts'

let hostsDir: string
beforeEach(() => {
  hostsDir = mkdtempSync(join(tmpdir(), 'utsuwa-hosts-'))
})
afterEach(() => rmSync(hostsDir, { recursive: true }))

/** Files of the directory of a registry. */
function configure(registry: string, files: Record<string, string>): void {
  mkdirSync(join(hostsDir, registry), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(hostsDir, registry, name), text)
}

const hosts = async (registry: string, options: HostOptions = {}) =>
  (await hostsOf(registry, { hostsDir, ...options })).map(({ root, plainRoot, can, tls, ...rest }) => ({
    root: root.href,
    ...(plainRoot === undefined ? {} : { plainRoot: plainRoot.href }),
    can: [...can].join(),
    verify: tls.verify,
    authorities: tls.authorities.join(),
    client: tls.client,
    ...rest,
  }))

describe('a registry without configuration', () => {
  const roots: Record<string, string> = {
    'docker.io': 'https://registry-1.docker.io/v2/',
    'ghcr.io': 'https://ghcr.io/v2/',
    'example.com:443': 'https://example.com/v2/',
    'localhost:5000': 'http://localhost:5000/v2/',
    localhost: 'http://localhost/v2/',
    'a.localhost:1': 'http://a.localhost:1/v2/',
    '127.0.0.1:5000': 'http://127.0.0.1:5000/v2/',
    '[::1]:5000': 'http://[::1]:5000/v2/',
    '127.0.0.1.example.com': 'https://127.0.0.1.example.com/v2/',
    '10.0.0.1:5000': 'https://10.0.0.1:5000/v2/',
  }
  for (const [registry, root] of Object.entries(roots)) {
    it(`${registry} is at ${root}`, async () => {
      const [host, ...more] = await hosts(registry)
      assert.deepEqual(more, [])
      assert.equal(host!.root, root)
      assert.equal(host!.plainRoot, undefined)
      assert.equal(host!.verify, true)
      assert.equal(host!.name, registry)
    })
  }

  it('may be insecure: TLS without proof of who it is, then plain text', async () => {
    const [host] = await hosts('10.0.0.1:5000', { insecure: true })
    assert.equal(host!.root, 'https://10.0.0.1:5000/v2/')
    assert.equal(host!.plainRoot, 'http://10.0.0.1:5000/v2/')
    assert.equal(host!.verify, false)
  })
})

describe("certificates in docker's layout", () => {
  it('are authorities, and a client certificate with its key', async () => {
    configure('reg.example:5000', { 'a.crt': 'A', 'b.crt': 'B', 'me.cert': 'C', 'me.key': 'K' })
    const [host] = await hosts('reg.example:5000')
    assert.equal(host!.authorities, 'A,B')
    assert.deepEqual(host!.client, { certificate: 'C', key: 'K' })
  })

  it('make TLS spoken to loopback', async () => {
    configure('127.0.0.1:5000', { 'ca.crt': 'A' })
    assert.equal((await hosts('127.0.0.1:5000'))[0]!.root, 'https://127.0.0.1:5000/v2/')
  })

  it('must be complete', async () => {
    configure('a.example', { 'me.cert': 'C' })
    await assert.rejects(hosts('a.example'), { code: 'INVALID_ARGUMENT', message: /me.cert without me.key/ })
    configure('b.example', { 'me.key': 'K' })
    await assert.rejects(hosts('b.example'), { message: /me.key without me.cert/ })
  })
})

describe('hosts.toml', () => {
  it('names mirrors, which are asked first', async () => {
    configure('docker.io', {
      'own.crt': 'OWN',
      'hosts.toml': `
server = "https://registry-1.docker.io"
[host."https://mirror.example/"]
capabilities = ["pull", "resolve"]
ca = "own.crt"
[host."http://127.0.0.1:5001/hub"]
capabilities = ["pull"]
skip_verify = true
[host."https://proxy.example/v2/hub"]
override_path = true
[host."https://proxy.example/v2/hub".header]
X-Team = ["a", "b"]
`,
    })
    const none = { client: undefined, authorities: '', headers: {}, verify: true }
    assert.deepEqual(await hosts('docker.io'), [
      {
        ...none,
        root: 'https://mirror.example/v2/',
        can: 'pull,resolve',
        authorities: 'OWN',
        name: 'mirror.example',
        mirrorOf: 'docker.io',
      },
      {
        ...none,
        root: 'http://127.0.0.1:5001/hub/v2/',
        can: 'pull',
        verify: false,
        name: '127.0.0.1:5001',
        mirrorOf: 'docker.io',
      },
      {
        ...none,
        root: 'https://proxy.example/v2/hub/',
        can: 'pull,resolve,push',
        headers: { 'x-team': 'a, b' },
        name: 'proxy.example',
        mirrorOf: 'docker.io',
      },
      { ...none, root: 'https://registry-1.docker.io/v2/', can: 'pull,resolve,push', name: 'docker.io' },
    ])
  })

  it('may say how the registry itself is spoken to', async () => {
    configure('reg.example_5000_', { 'hosts.toml': 'server = "http://reg.example:5000"\ncapabilities = ["pull"]' })
    const [host, ...more] = await hosts('reg.example:5000')
    assert.deepEqual(more, [])
    assert.deepEqual([host!.root, host!.can, host!.name], ['http://reg.example:5000/v2/', 'pull', 'reg.example:5000'])
  })

  it('may replace the registry, or be for all of them', async () => {
    configure('_default', { 'hosts.toml': 'server = "https://cache.example"' })
    const [host] = await hosts('quay.io')
    assert.deepEqual(
      [host!.root, host!.name, host!.mirrorOf],
      ['https://cache.example/v2/', 'cache.example', 'quay.io'],
    )
  })

  it('says what is wrong with it', async () => {
    const wrong: Record<string, RegExp> = {
      'server = 1': /server is no string/,
      'server = "ftp://x"': /not the URL of a host/,
      'host = 1': /host is no table/,
      '[host."https://m"]\ncapabilities = ["fly"]': /no such capability: fly/,
      '[host."https://m"]\nrewrite = true': /rewrite is not supported/,
      '[host."https://m"]\nca = "missing.crt"': /ENOENT/,
      server: /line 1: expected =/,
    }
    for (const [text, message] of Object.entries(wrong)) {
      configure('x.example', { 'hosts.toml': text })
      await assert.rejects(hosts('x.example'), { name: 'UtsuwaError', message }, text)
      await assert.rejects(hosts('x.example'), { message: /^read .*hosts.toml: / })
    }
  })
})
