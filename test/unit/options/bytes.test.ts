import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { parseBytes } from '../../../src/options/bytes.ts'

test('reads sizes as docker does, in powers of 1024', () => {
  const cases: [number | string, number][] = [
    [1024, 1024],
    ['1024', 1024],
    ['1024b', 1024],
    ['64m', 67108864],
    ['64M', 67108864],
    ['64MiB', 67108864],
    ['64mb', 67108864],
    ['64 MiB', 67108864],
    ['1.5g', 1610612736],
    ['2k', 2048],
    ['1T', 2 ** 40],
    ['0', 0],
  ]
  for (const [value, bytes] of cases) assert.equal(parseBytes(value, '--memory'), bytes, String(value))
})

test('refuses anything else, and names the option', () => {
  for (const value of ['', 'm', '64x', '-1', '64mm', '1e3', '0x10', 'Infinity', Number.NaN, -5, 1e300, '9999999p']) {
    assert.throws(
      () => parseBytes(value, '--memory'),
      error => isUtsuwaError(error, 'INVALID_ARGUMENT') && error.message.startsWith('--memory: '),
      String(value),
    )
  }
})
