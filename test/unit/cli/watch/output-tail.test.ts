import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OutputTail } from '../../../../src/cli/watch/output-tail.ts'

const feed = (...pieces: [1 | 2, string | Uint8Array][]): OutputTail => {
  const tail = new OutputTail()
  for (const [fd, data] of pieces) tail.add(fd, Buffer.from(data as string))
  return tail
}

describe('OutputTail', () => {
  it('joins what comes in pieces, each stream for itself', () => {
    const tail = feed([1, 'on'], [2, 'err'], [1, 'e\ntw'], [2, 'or\n'])
    assert.deepEqual(tail.lines, ['one', 'error', 'tw'])
  })

  it('shows no sequences that steer a terminal, and of a line drawn over the last drawing', () => {
    const tail = feed([1, '\u001B[31mred\u001B[0m\u001B[2J\n10%\r20%\r\na\tb\u202Ec\n'])
    assert.deepEqual(tail.lines, ['red', '20%', 'a    b\uFFFDc'])
  })

  it('joins a character that comes in two pieces', () => {
    const bytes = Buffer.from('器\n')
    assert.deepEqual(feed([1, bytes.subarray(0, 1)], [1, bytes.subarray(1)]).lines, ['器'])
  })

  it('gives back what was printed as it was, once, and says what it has not kept', () => {
    const tail = feed([1, 'a\u001B[1m'], [2, 'b'])
    const texts = () => tail.take().printed.map(({ fd, data }) => `${fd}${data}`)
    assert.deepEqual(texts(), ['1a\u001B[1m', '2b'])
    assert.deepEqual(texts(), [])
    for (let i = 0; i < 3; i++) tail.add(1, Buffer.alloc(600_000, 'x'))
    const { printed, dropped } = tail.take()
    assert.deepEqual([printed.length, dropped], [1, 1_200_000])
  })

  it('bounds a line that never ends, and their number', () => {
    const tail = feed([1, 'x'.repeat(100_000)], [2, 'y\n'.repeat(1000)])
    assert.ok(tail.lines.every(line => line.length <= 4096))
    assert.ok(tail.lines.length <= 202)
  })
})
