import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printableJson } from '../../../../src/cli/flags/output-format.ts'
import {
  formatAge,
  formatBinarySize,
  formatDuration,
  formatSize,
  printable,
  shortId,
  truncate,
} from '../../../../src/cli/print/format.ts'
import { formatTable } from '../../../../src/cli/print/table.ts'
import { parseJson } from '../../../../src/spec/json.ts'

test('sizes have three digits and docker’s units', () => {
  const sizes = [0, 999, 1000, 4_861_234, 117_000_000, 2_500_000_000]
  assert.deepEqual(sizes.map(formatSize), ['0B', '999B', '1kB', '4.86MB', '117MB', '2.5GB'])
})

test('limits are in powers of 1024', () => {
  assert.deepEqual([512, 64 * 2 ** 20, 1.5 * 2 ** 30].map(formatBinarySize), ['512 bytes', '64 MiB', '1.5 GiB'])
})

test('durations have one unit', () => {
  const durations = [10, 1000, 59_000, 60_000, 3_600_000, 86_400_000 * 3, 86_400_000 * 20, 86_400_000 * 800]
  assert.deepEqual(durations.map(formatDuration), [
    'less than a second',
    '1 second',
    '59 seconds',
    '1 minute',
    '1 hour',
    '3 days',
    '2 weeks',
    '2 years',
  ])
})

test('an age is N/A where there is no date', () => {
  const now = Date.parse('2026-01-01T00:00:10Z')
  assert.equal(formatAge('2026-01-01T00:00:00Z', now), '10 seconds ago')
  assert.equal(formatAge(undefined, now), 'N/A')
  assert.equal(formatAge('yesterday', now), 'N/A')
})

test('control characters do not reach the terminal', () => {
  assert.equal(printable('a\x1b[31mb\u009bc\n'), 'a\uFFFD[31mb\uFFFDc\uFFFD')
})

test('ids and long texts are cut', () => {
  assert.equal(shortId(`sha256:${'ab'.repeat(32)}`), 'abababababab')
  assert.equal(truncate('abcdef', 4), 'abc…')
  assert.equal(truncate('abcd', 4), 'abcd')
})

test('columns are aligned, and lines have no blanks at their end', () => {
  assert.equal(
    formatTable(
      ['ID', 'NAME', 'X'],
      [
        ['a-long-identifier', 'n', ''],
        ['b', '', 'y'],
      ],
    ),
    ['ID                  NAME        X', 'a-long-identifier   n', 'b                               y', ''].join('\n'),
  )
})

test('JSON keeps its meaning and loses what steers a terminal', () => {
  const value = { 'a\u009b2J': ['\u001b[2J', 'line\nfeed', '\u202eturned', '\u{e0001}', '器'], big: 2n ** 63n }
  const text = printableJson(value)
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  assert.deepEqual(parseJson(text), value)
})
