import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { linesOf } from '../../../../src/engine/streams/process-streams.ts'

const split = async (...chunks: (string | Buffer)[]): Promise<string[]> =>
  Array.fromAsync(linesOf(Readable.from(chunks.map(chunk => Buffer.from(chunk)))))

test('lines, however they arrive', async () => {
  assert.deepEqual(await split('a\nb', 'c\n', '\nd\n'), ['a', 'bc', '', 'd'])
  assert.deepEqual(await split('no end'), ['no end'])
  assert.deepEqual(await split(), [])
  const text = Buffer.from('grün\n')
  assert.deepEqual(await split(text.subarray(0, 3), text.subarray(3)), ['grün'])
})

test('a line that does not end comes in pieces', async () => {
  const stream = Readable.from([Buffer.from('abcdefgh\nij')])
  assert.deepEqual(await Array.fromAsync(linesOf(stream, { maxLength: 3 })), ['abc', 'def', 'gh', 'ij'])
})

test('whoever stops early can go on later', async () => {
  const stream = new PassThrough()
  stream.write('one\ntwo\nthr')
  for await (const line of linesOf(stream)) {
    assert.equal(line, 'one')
    break
  }
  stream.end('ee\n')
  assert.deepEqual(await Array.fromAsync(linesOf(stream)), ['two', 'three'])
})
