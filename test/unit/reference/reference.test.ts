import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatReference, identifierOf, parseReference, parseRegistry } from '../../../src/reference/reference.ts'

const digest = `sha256:${'a'.repeat(64)}`

describe('parseReference', () => {
  const full: Record<string, string> = {
    alpine: 'docker.io/library/alpine:latest',
    'alpine:3.20': 'docker.io/library/alpine:3.20',
    'user/app': 'docker.io/user/app:latest',
    'docker.io/alpine': 'docker.io/library/alpine:latest',
    'registry-1.docker.io/alpine': 'docker.io/library/alpine:latest',
    'index.docker.io/library/alpine': 'docker.io/library/alpine:latest',
    'localhost/app': 'localhost/app:latest',
    'localhost:5000/app:v1': 'localhost:5000/app:v1',
    '127.0.0.1:5000/a/b/c': '127.0.0.1:5000/a/b/c:latest',
    '[::1]:5000/app': '[::1]:5000/app:latest',
    'ghcr.io/a/b.c_d__e---f:V-1.2_x': 'ghcr.io/a/b.c_d__e---f:V-1.2_x',
    [`alpine@${digest}`]: `docker.io/library/alpine@${digest}`,
    [`host:1/a:tag@${digest}`]: `host:1/a:tag@${digest}`,
    'Registry.example/app': 'Registry.example/app:latest',
  }
  for (const [text, expected] of Object.entries(full)) {
    it(`${text} is ${expected}`, () => {
      const reference = parseReference(text)
      assert.equal(formatReference(reference), expected)
      assert.deepEqual(parseReference(expected), reference)
    })
  }

  const wrong = [
    '',
    ':',
    '@',
    'a:',
    'a@',
    'UPPER',
    'a//b',
    '/a',
    'a/',
    '-a',
    'a b',
    'a:b:c',
    'a:-x',
    `a@sha256:${'A'.repeat(64)}`,
  ]
  for (const text of [
    ...wrong,
    `a@${digest}@${digest}`,
    'a/../b',
    'host.x:port/a',
    'h:99999999/a',
    'a\n',
    `a:${'x'.repeat(129)}`,
    `${'a/'.repeat(130)}b`,
    'http://host/a',
    'a:b/c d',
  ]) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(() => parseReference(text), { code: 'INVALID_REFERENCE' })
    })
  }

  it('tells that names are lower case', () => {
    assert.throws(() => parseReference('Alpine'), { hint: 'repository names are lower case: alpine' })
  })
})

describe('identifierOf', () => {
  it('prefers the digest, because a tag can move', () => {
    assert.equal(identifierOf(parseReference(`a:tag@${digest}`)), digest)
    assert.equal(identifierOf(parseReference('a:tag')), 'tag')
  })
})

describe('parseRegistry', () => {
  it('takes hosts, and what people write for them', () => {
    for (const hub of ['docker.io', 'index.docker.io', 'https://index.docker.io/v1/', 'registry-1.docker.io'])
      assert.equal(parseRegistry(hub), 'docker.io')
    for (const host of ['ghcr.io', 'localhost', 'localhost:5000', '[::1]:5000']) assert.equal(parseRegistry(host), host)
    assert.equal(parseRegistry('https://ghcr.io/'), 'ghcr.io')
  })

  it('takes nothing else', () => {
    for (const text of ['', 'a b', 'ghcr.io/team', 'ftp://x', 'user@host', 'host:port', '-x', 'x/../y'])
      assert.throws(() => parseRegistry(text), { code: 'INVALID_REFERENCE' }, text)
  })
})
