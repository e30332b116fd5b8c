import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMoment } from '../../../../src/cli/flags/moment.ts'

const now = Date.parse('2026-01-02T03:04:05Z')
const parse = (text: string): string | undefined => parseMoment(text, now)?.toISOString()

test('a moment is a date, seconds since 1970, or how long ago', () => {
  assert.equal(parse('2026-01-01T00:00:00Z'), '2026-01-01T00:00:00.000Z')
  assert.equal(parse('2026-01-01'), '2026-01-01T00:00:00.000Z')
  assert.equal(parse('1767225600.5'), '2026-01-01T00:00:00.500Z')
  assert.equal(parse('90s'), '2026-01-02T03:02:35.000Z')
  assert.equal(parse('1h30m'), '2026-01-02T01:34:05.000Z')
  assert.equal(parse('250ms'), '2026-01-02T03:04:04.750Z')
})

test('other texts are none', () => {
  for (const text of ['', 'yesterday', '10', '-5m', '5', '1x', '2026-13-45', 'm']) {
    const isNumber = /^\d+$/.test(text)
    assert.equal(parse(text) !== undefined, isNumber, text)
  }
})
