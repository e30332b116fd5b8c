import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawSparkline } from '../../../../src/cli/watch/sparkline.ts'

const toneOf = (value: number) => (value >= 75 ? 'bad' : 'good')

test('a bar of eight heights for each value, the newest at the right, neighbours of a tone together', () => {
  assert.deepEqual(drawSparkline({ values: [0, 12, 13, 50, undefined, 75, 100, 130], top: 100, toneOf }, 10, false), [
    { text: '  ', tone: 'plain' },
    { text: '▁▁▂▄', tone: 'good' },
    { text: ' ', tone: 'plain' },
    { text: '▆██', tone: 'bad' },
  ])
})

test('in ASCII, and cut at the left', () => {
  const [line] = drawSparkline({ values: [100, 0, 20, 70], top: 100, toneOf }, 3, true)
  assert.deepEqual(line, { text: '_.+', tone: 'good' })
})

test('nothing is nothing, also without a top', () => {
  assert.equal(drawSparkline({ values: [0, 0], top: 0, toneOf }, 2, false)[0]!.text, '▁▁')
})
