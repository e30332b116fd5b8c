import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasColor, isDumb, isUtf8 } from '../../../../src/cli/print/terminal-style.ts'

test('colours: not with NO_COLOR, unless it is empty, nor on a dumb terminal', () => {
  assert.equal(hasColor({ TERM: 'xterm' }), true)
  assert.equal(hasColor({ TERM: 'xterm', NO_COLOR: '' }), true)
  assert.equal(hasColor({ TERM: 'xterm', NO_COLOR: '1' }), false)
  assert.equal(hasColor({ TERM: 'dumb' }), false)
  assert.equal(isDumb({}), true)
})

test('the character set: that of the first variable that is set and not empty', () => {
  assert.equal(isUtf8({ LANG: 'en_US.UTF-8' }), true)
  assert.equal(isUtf8({ LANG: 'C.utf8' }), true)
  assert.equal(isUtf8({ LANG: 'en_US.UTF-8', LC_ALL: 'C' }), false)
  assert.equal(isUtf8({ LC_ALL: '', LC_CTYPE: 'C.UTF-8', LANG: 'C' }), true)
  assert.equal(isUtf8({}), false)
})
