import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  contains,
  formatSubnet,
  freeSubnet,
  LARGE,
  overlaps,
  parseAddress,
  parseRoutes,
  parseSubnet,
  SMALL,
} from '../../../src/network/subnets.ts'

const subnet = (text: string) => parseSubnet(text)!

test('subnets are read and written', () => {
  assert.equal(formatSubnet(subnet('10.9.8.7/16')), '10.9.0.0/16')
  assert.equal(formatSubnet(subnet('255.255.255.255/32')), '255.255.255.255/32')
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0/8', '::/0', '10.0.0.256/8'])
    assert.equal(parseSubnet(text), undefined)
})

test('whether they overlap does not depend on the order', () => {
  for (const [a, b, expected] of [
    ['10.0.0.0/8', '10.87.0.0/16', true],
    ['10.87.0.0/16', '10.88.0.0/16', false],
    ['192.168.1.0/24', '192.168.1.128/25', true],
    ['0.0.0.0/1', '200.0.0.0/8', false],
    ['128.0.0.0/1', '200.0.0.0/8', true],
  ] as const)
    assert.deepEqual([overlaps(subnet(a), subnet(b)), overlaps(subnet(b), subnet(a))], [expected, expected])
  assert.ok(contains(subnet('10.87.0.0/16'), parseAddress('10.87.255.1')))
  assert.ok(!contains(subnet('10.87.0.0/16'), parseAddress('10.88.0.1')))
})

test('routes of the kernel, but the default one', () => {
  const text =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n' +
    'eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n' +
    'eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n' +
    'utsuwa0\t0000570A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n'
  assert.deepEqual(parseRoutes(text).map(formatSubnet), ['192.168.1.0/24', '10.87.0.0/16'])
})

test('the first free one is taken', () => {
  assert.equal(formatSubnet(freeSubnet(LARGE, [])!), '10.87.0.0/16')
  assert.equal(formatSubnet(freeSubnet(LARGE, [subnet('10.87.3.0/24'), subnet('10.88.0.0/15')])!), '10.90.0.0/16')
  assert.equal(formatSubnet(freeSubnet(SMALL, [subnet('10.0.0.0/8')])!), '192.168.128.0/24')
  assert.equal(freeSubnet(SMALL, [subnet('0.0.0.0/1'), subnet('128.0.0.0/1')]), undefined)
})
