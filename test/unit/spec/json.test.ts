import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { parseJson, stringifyJson } from '../../../src/spec/json.ts'

test('keeps integers that a number cannot hold', () => {
  assert.deepEqual(parseJson('[18446744073709551615, -9223372036854775808, 9007199254740993]'), [
    18446744073709551615n,
    -9223372036854775808n,
    9007199254740993n,
  ])
})

test('leaves everything else as JSON.parse does', () => {
  const text = '{"a": [9007199254740991, 1.5, 1e300, 0.1234567890123456789, "18446744073709551615", null, true]}'
  assert.deepEqual(parseJson(text), JSON.parse(text))
})

test('a __proto__ key stays an own property', () => {
  const value = parseJson('{"__proto__": {"big": 18446744073709551615}}') as object
  assert.deepEqual(Object.keys(value), ['__proto__'])
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
})

test('says what is wrong on one line', () => {
  assert.throws(
    () => parseJson('{\n  "a": x\n}'),
    error => isUtsuwaError(error, 'INVALID_SPEC') && !error.message.includes('\n'),
  )
})

test('says which text is not JSON', () => {
  assert.throws(
    () => parseJson('{', 'config.json'),
    error => isUtsuwaError(error, 'INVALID_SPEC') && error.message.startsWith('parse config.json: not valid JSON: '),
  )
})

test('writes what it reads', () => {
  const text = '{"a":[18446744073709551615,-9223372036854775808,1.5,null],"b":"x"}'
  assert.equal(stringifyJson(parseJson(text)), text)
  assert.equal(stringifyJson({ a: 2n ** 64n - 1n }, 2), '{\n  "a": 18446744073709551615\n}')
})
