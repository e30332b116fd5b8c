import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPort, parsePorts } from '../../../src/options/ports.ts'

const short = (text: string): string[] =>
  parsePorts([text]).map(
    ({ hostIp, hostPorts, containerPort, protocol }) =>
      `${hostIp}:${hostPorts?.join('-') ?? 'any'}:${containerPort}/${protocol}`,
  )

test('a port with and without the host’s, its address and a protocol', () => {
  assert.deepEqual(short('80'), [':any:80/tcp'])
  assert.deepEqual(short('8080:80'), [':8080-8080:80/tcp'])
  assert.deepEqual(short('127.0.0.1:8080:80/udp'), ['127.0.0.1:8080-8080:80/udp'])
  assert.deepEqual(short('127.0.0.1::80'), ['127.0.0.1:any:80/tcp'])
  assert.deepEqual(short('0.0.0.0:1:2/sctp'), [':1-1:2/sctp'])
})

test('ranges are taken in step, or one of the host’s is', () => {
  assert.deepEqual(short('8000-8001:80-81'), [':8000-8000:80/tcp', ':8001-8001:81/tcp'])
  assert.deepEqual(short('8000-8005:80'), [':8000-8005:80/tcp'])
  assert.deepEqual(short('80-81'), [':any:80/tcp', ':any:81/tcp'])
})

test('what is no port is refused, with the reason', () => {
  for (const [text, reason] of [
    ['', /is not \[\[ip:]host-port:]container-port/],
    ['a:80', /is not \[\[ip:]host-port/],
    ['1:2:3', /1 is no address/],
    ['0', /0 is no port/],
    ['80:65536', /65536 is no port/],
    ['90-80', /90-80 is no port/],
    ['8000-8002:80-81', /differ in length/],
    ['80/icmp', /icmp is none of/],
    ['[::1]:80:80', /IPv4 alone/],
    ['host.example:80:80', /is no address/],
    ['1-65535', /65535 ports are more than 1024/],
  ] as const)
    assert.throws(() => parsePorts([text]), reason, text)
})

test('a published port is shown as docker shows it', () => {
  const port = { hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp' } as const
  assert.equal(formatPort(port), '0.0.0.0:8080->80/tcp')
  assert.equal(formatPort({ ...port, hostIp: '127.0.0.1' }), '127.0.0.1:8080->80/tcp')
})
