import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isLocalAddress, ledTo, redact } from '../../../src/registry/endpoint.ts'

describe('ledTo', () => {
  const from = new URL('https://registry.example/v2/a/blobs/x?token=1')

  it('resolves against where it came from', () => {
    assert.equal(ledTo(from, '/y', 'redirect').href, 'https://registry.example/y')
    assert.equal(ledTo(from, 'https://cdn.example/z', 'redirect').href, 'https://cdn.example/z')
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
    'https://[fd00:ec2::254]/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://a.localhost/',
    'ftp://x/',
    'https://',
  ]) {
    it(`refuses ${location}`, () => assert.throws(() => ledTo(from, location, 'redirect'), { code: 'REGISTRY_ERROR' }))
  }

  it('shows no signature to anyone', () => {
    assert.equal(redact(new URL('https://user:password@host/path?signature=secret')), 'https://host/path?…')
  })
})

describe('isLocalAddress', () => {
  it('knows the addresses that are this machine, and no others', () => {
    const local = [
      '127.1.2.3',
      '0.0.0.0',
      '169.254.169.254',
      '::1',
      '::',
      'fe80::1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
    ]
    for (const address of local) assert.ok(isLocalAddress(address), address)
    for (const address of ['10.0.0.1', '192.168.1.1', '8.8.8.8', '2001:db8::1', '::ffff:8.8.8.8', 'localhost', ''])
      assert.ok(!isLocalAddress(address), address)
  })
})
