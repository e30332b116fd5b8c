import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkNetworkOptions, chooseNetwork, hasNetworkFiles, parseExtraHosts } from '../../../src/options/network.ts'

test('what a container is connected to', () => {
  assert.deepEqual(chooseNetwork({}), { kind: 'none' })
  assert.deepEqual(chooseNetwork({ network: 'host' }), { kind: 'host' })
  assert.deepEqual(chooseNetwork({ network: 'container:web' }), { kind: 'container', container: 'web' })
  assert.deepEqual(chooseNetwork({ network: 'backend', ports: ['80'] }), { kind: 'network', name: 'backend' })
  assert.throws(() => chooseNetwork({ network: '../x' }), /--network: "\.\.\/x" is no name of a network/)
})

test('what needs a network is refused without one', () => {
  assert.throws(() => chooseNetwork({ ports: ['80'] }), /^UtsuwaError: --publish: needs a network.*--network none/)
  assert.throws(() => chooseNetwork({ network: 'host', ip: '10.0.0.2' }), /--ip: needs a network/)
  assert.throws(() => chooseNetwork({ network: 'container:x', networkAliases: ['a'] }), /--network-alias: /)
})

test('files of names are made where there is a network, or where they were asked for', () => {
  assert.ok(!hasNetworkFiles({}))
  assert.ok(!hasNetworkFiles({ network: 'none' }))
  assert.ok(hasNetworkFiles({ network: 'none', extraHosts: [] }))
  assert.ok(hasNetworkFiles({ network: 'bridge' }))
})

test('lines of hosts', () => {
  assert.deepEqual(parseExtraHosts(['a:192.0.2.1', 'b=host-gateway', 'c:[::1]', 'd:2001:db8::1']), [
    { name: 'a', address: '192.0.2.1' },
    { name: 'b', address: 'host-gateway' },
    { name: 'c', address: '::1' },
    { name: 'd', address: '2001:db8::1' },
  ])
  for (const text of ['a', 'a:b', ':192.0.2.1', 'a b:192.0.2.1', 'a:192.0.2.1\nx'])
    assert.throws(() => parseExtraHosts([text]), /is not name:address/, text)
})

test('what would add lines to files, or means nothing, is refused', () => {
  for (const options of [
    { dns: ['one'] },
    { dnsSearch: ['a b'] },
    { dnsOptions: ['x\nnameserver 192.0.2.1'] },
    { networkAliases: ['a\tb'] },
    { ip: '::1' },
    { macAddress: '02:00' },
  ])
    assert.throws(() => checkNetworkOptions(options), /^UtsuwaError: --/, JSON.stringify(options))
  checkNetworkOptions({ dns: ['192.0.2.1', '2001:db8::1'], dnsSearch: ['a.example'], macAddress: '02:00:00:00:00:01' })
})
