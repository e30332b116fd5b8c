import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findLastLines, parseLogLines } from '../../../../src/engine/monitor/log-lines.ts'

const time = '2026-01-02T03:04:05.123456789Z'
const line = (text: string, tag = 'F', stream = 'stdout'): string => `${time} ${stream} ${tag} ${text}\n`
const parse = (data: string) =>
  parseLogLines(Buffer.from(data)).map(({ stream, text, partial }) => [stream, text.toString(), partial])

test('lines have a time, a stream, a tag and a text, which may be anything', () => {
  assert.equal(parseLogLines(Buffer.from(line('x')))[0]!.time, time)
  assert.deepEqual(parse(line('a b') + line('', 'F', 'stderr') + line(' F P', 'P')), [
    ['stdout', 'a b', false],
    ['stderr', '', false],
    ['stdout', ' F P', true],
  ])
})

test('lines of another form are passed over, and what has no end is none', () => {
  assert.deepEqual(parse(`garbage\n\n${time} stdlog F x\n${line('y')}${time} stdout F z`), [['stdout', 'y', false]])
})

test('the last lines are found, parts of a line with their line', () => {
  const texts = ['one', 'two', 'three'].map(text => line(text))
  const data = Buffer.from(texts.join(''))
  const from = (wanted: number): unknown => {
    const { offset, missing } = findLastLines(data, wanted, true)
    return [data.toString('utf8', offset), missing]
  }
  assert.deepEqual(from(0), ['', 0])
  assert.deepEqual(from(1), [texts[2], 0])
  assert.deepEqual(from(2), [`${texts[1]}${texts[2]}`, 0])
  assert.deepEqual(from(4), [data.toString(), 1])

  const parts = line('a', 'P') + line('b', 'P') + line('c')
  const mixed = Buffer.from(line('first') + parts + line('unfinished', 'P'))
  assert.equal(mixed.toString('utf8', findLastLines(mixed, 1, true).offset), line('unfinished', 'P'))
  assert.equal(mixed.toString('utf8', findLastLines(mixed, 2, true).offset), parts + line('unfinished', 'P'))
  // Where more follows, a part at the end is the beginning of what does.
  assert.equal(mixed.toString('utf8', findLastLines(mixed, 1, false).offset), parts + line('unfinished', 'P'))
})
