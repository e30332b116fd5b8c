import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTime } from '../../../../src/cli/flags/time-flag.ts'

test('a time is a date, seconds, or how long ago', () => {
  const now = Date.parse('2026-01-31T12:00:00Z')
  assert.equal(parseTime('2026-01-31T11:00:00Z', now), now - 3_600_000)
  assert.equal(parseTime('1h30m', now), now - 5_400_000)
  assert.equal(parseTime('0s', now), now)
  assert.equal(parseTime('1769860800.5', now), 1_769_860_800_500)
  for (const wrong of ['', 'noon', '5x']) assert.throws(() => parseTime(wrong, now), wrong)
})
