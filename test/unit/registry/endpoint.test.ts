import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { endpointOf, redact, redirectTarget } from '../../../src/registry/endpoint.ts'

describe('endpointOf', () => {
  const urls: Record<string, string> = {
    'docker.io': 'https://registry-1.docker.io/',
    'ghcr.io': 'https://ghcr.io/',
    'example.com:443': 'https://example.com/',
    'localhost:5000': 'http://localhost:5000/',
    localhost: 'http://localhost/',
    'a.localhost:1': 'http://a.localhost:1/',
    '127.0.0.1:5000': 'http://127.0.0.1:5000/',
    '[::1]:5000': 'http://[::1]:5000/',
    '127.0.0.1.example.com': 'https://127.0.0.1.example.com/',
    '10.0.0.1:5000': 'https://10.0.0.1:5000/',
  }
  for (const [registry, url] of Object.entries(urls))
    it(`${registry} is at ${url}`, () => assert.equal(endpointOf(registry).href, url))

  it('speaks plain HTTP elsewhere when told', () => {
    assert.equal(endpointOf('10.0.0.1:5000', true).href, 'http://10.0.0.1:5000/')
    assert.equal(endpointOf('example.com', true).href, 'http://example.com/')
  })
})

describe('redirectTarget', () => {
  const from = new URL('https://registry.example/v2/a/blobs/x?token=1')

  it('resolves against where it came from', () => {
    assert.equal(redirectTarget(from, '/y').href, 'https://registry.example/y')
    assert.equal(redirectTarget(from, 'https://cdn.example/z').href, 'https://cdn.example/z')
  })

  for (const location of [
    'http://cdn.example/',
    'https://169.254.169.254/',
    'https://127.0.0.1/',
    'https://localhost/',
    'https://[::1]/',
    'https://[fe80::1]/',
    'https://0.0.0.0/',
    'https://[::ffff:127.0.0.1]/',
    'ftp://x/',
    'https://',
  ]) {
    it(`refuses ${location}`, () => assert.throws(() => redirectTarget(from, location), { code: 'REGISTRY_ERROR' }))
  }

  it('shows no signature to anyone', () => {
    assert.equal(redact(new URL('https://user:password@host/path?signature=secret')), 'https://host/path?…')
  })
})
