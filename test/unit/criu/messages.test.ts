import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeNotified, encodeRequest, parseResponse } from '../../../src/criu/messages.ts'
import { MessageWriter, readFields } from '../../../src/criu/protobuf.ts'

test('numbers and text are written as protocol buffers have them', () => {
  // The two examples of the encoding guide: 150 in field 1, "testing" in field 2.
  assert.equal(new MessageWriter().number(1, 150).take().toString('hex'), '089601')
  assert.equal(new MessageWriter().text(2, 'testing').take().toString('hex'), '120774657374696e67')
  assert.equal(new MessageWriter().message(3, new MessageWriter().number(1, 150)).take().toString('hex'), '1a03089601')
})

test('what is undefined is left out, what is false is not', () => {
  assert.equal(new MessageWriter().number(1, undefined).text(2, undefined).take().length, 0)
  assert.equal(new MessageWriter().boolean(1, false).take().toString('hex'), '0800')
})

test('what was written is read, large field numbers and values too', () => {
  const fields = readFields(
    new MessageWriter()
      .number(63, 2 ** 40)
      .text(16, 'x')
      .take(),
  )
  assert.deepEqual([fields.get(63), String(fields.get(16))], [2 ** 40, 'x'])
  assert.equal(readFields(Buffer.from('38f1ffffffffffffffff01', 'hex')).get(7), -15)
})

test('a message that ends in the middle of a field is no message', () => {
  for (const hex of ['08', '1205', '0880', '0b']) assert.throws(() => readFields(Buffer.from(hex, 'hex')), RangeError)
})

test('a request holds its type and its options', () => {
  const options = {
    imagesDirFd: 7,
    workDirFd: 8,
    logFile: 'dump.log',
    root: '/rootfs',
    externalMounts: [['/a', 'b']],
    pageServer: { address: '127.0.0.1', port: 27_000 },
    configFile: '/etc/criu.conf',
  } as const
  const request = readFields(encodeRequest('dump', options))
  assert.equal(request.get(1), 1)
  const fields = readFields(request.get(2) as Buffer)
  assert.deepEqual([fields.get(1), String(fields.get(13)), fields.get(34)], [7, '/rootfs', 0])
  const server = readFields(fields.get(11) as Buffer)
  assert.deepEqual(
    [String(server.get(1)), server.get(2), String(fields.get(51))],
    ['127.0.0.1', 27_000, '/etc/criu.conf'],
  )
  const mount = readFields(fields.get(23) as Buffer)
  assert.deepEqual([String(mount.get(1)), String(mount.get(2))], ['/a', 'b'])
  assert.deepEqual(
    [...readFields(encodeNotified())],
    [
      [1, 6],
      [3, 1],
    ],
  )
})

test('answers: a step that waits, a restored process, a failure', () => {
  const step = new MessageWriter().text(1, 'setup-namespaces').number(2, 42)
  const notify = parseResponse(new MessageWriter().number(1, 6).boolean(2, true).message(5, step).take())
  assert.deepEqual(notify.notification, { script: 'setup-namespaces', pid: 42 })
  const restored = new MessageWriter()
    .number(1, 2)
    .boolean(2, true)
    .message(4, new MessageWriter().number(1, 43))
    .take()
  assert.deepEqual([parseResponse(restored).success, parseResponse(restored).pid], [true, 43])
  const failed = parseResponse(
    new MessageWriter().number(1, 1).boolean(2, false).number(7, 3).text(9, 'no such').take(),
  )
  assert.deepEqual([failed.success, failed.errno, failed.message], [false, 3, 'no such'])
})
