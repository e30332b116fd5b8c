import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeAttributes,
  decodeMessages,
  encodeAttribute,
  encodeMessage,
  RouteSocket,
} from '../../../src/launch/netlink.ts'
import { sys } from '../../../src/sys/index.ts'

test('messages and attributes: headers, and padding to four bytes', () => {
  const attribute = encodeAttribute([3, Buffer.from('eth10\0')])
  assert.equal(attribute.toString('hex'), '0a0003006574683130000000')
  const message = encodeMessage(19, 5, 7, attribute)
  assert.equal(message.toString('hex'), '1c0000001300050007000000000000000a0003006574683130000000')
  const [first, second] = decodeMessages(Buffer.concat([message, message]))
  assert.deepEqual([first?.type, second?.type], [19, 19])
  assert.equal(decodeAttributes(second!.body).get(3)?.toString(), 'eth10\0')
  assert.deepEqual(decodeMessages(Buffer.alloc(0)), [])
})

test('what is cut or says a wrong size ends, and is not read beyond its end', () => {
  assert.equal(decodeMessages(Buffer.alloc(40)).length, 2)
  assert.equal(decodeAttributes(Buffer.alloc(12)).size, 1)
  assert.equal(decodeMessages(encodeMessage(1, 0, 0, Buffer.alloc(8)).subarray(0, 20))[0]?.body.length, 4)
})

test('the kernel tells of the loopback device and its address, and says why it refuses', () => {
  const fd = sys.routeSocket()
  const socket = new RouteSocket(fd)
  const loopback = socket.links().find(({ name }) => name === 'lo')
  assert.ok(loopback !== undefined)
  for (const { index, isPermanent, family } of socket.addresses()) assert.ok(index > 0 && (isPermanent || family > 0))
  assert.throws(() => socket.setUp(2 ** 30), { code: 'KERNEL_OPERATION_FAILED' })
})
