import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childPointer, pointerName } from '../../../src/spec/pointer.ts'

test('escapes as RFC 6901 says', () => {
  assert.equal(childPointer('/linux/sysctl', 'a/b~c'), '/linux/sysctl/a~1b~0c')
  assert.equal(childPointer('', 0), '/0')
  assert.equal(childPointer('', 'a\u001b[31m\n'), '/a\\u001b[31m\\u000a')
})

test('names what a pointer leads to', () => {
  assert.equal(pointerName(''), 'document')
  assert.equal(pointerName('/process/args'), 'args')
  assert.equal(pointerName('/mounts/3'), 'mounts[3]')
  assert.equal(pointerName('/annotations/a~1b'), 'a/b')
})
