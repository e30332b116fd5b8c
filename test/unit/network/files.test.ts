import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatHosts, formatResolver, isReachable, parseResolver } from '../../../src/network/files.ts'

test('hosts have loopback first', () => {
  const text = formatHosts([{ address: '10.87.0.2', names: ['web', 'www'] }])
  assert.match(text, /^127\.0\.0\.1\tlocalhost\n/)
  assert.match(text, /\n10\.87\.0\.2\tweb www\n$/)
})

test('a resolver is read as resolv.conf(5) has it, and written', () => {
  const text =
    '# comment\nnameserver 192.0.2.1\nnameserver   2001:db8::1\ndomain old\nsearch a.example b.example\noptions ndots:2 rotate\nsortlist x\n'
  const resolver = parseResolver(text)
  assert.deepEqual(resolver, {
    nameservers: ['192.0.2.1', '2001:db8::1'],
    search: ['a.example', 'b.example'],
    options: ['ndots:2', 'rotate'],
  })
  assert.equal(
    formatResolver(resolver),
    'search a.example b.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\noptions ndots:2 rotate\n',
  )
  assert.equal(formatResolver({ nameservers: [], search: ['.'], options: [] }), '')
})

test('servers on loopback and behind a zone cannot be asked from another network', () => {
  assert.deepEqual(['127.0.0.53', '127.1.2.3', '::1', 'fe80::1%eth0', '192.0.2.1', '2001:db8::1'].filter(isReachable), [
    '192.0.2.1',
    '2001:db8::1',
  ])
})
