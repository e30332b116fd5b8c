import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEFAULT_LAYER_LIMITS } from '../../../src/layer/limits.ts'
import { baseOf, displayPath, entryPath, parentOf } from '../../../src/layer/path.ts'

const path = (name: string) => entryPath(name, DEFAULT_LAYER_LIMITS)

describe('entryPath', () => {
  const plain: Record<string, string> = {
    a: 'a',
    'a/': 'a',
    'a/b/c': 'a/b/c',
    './a': 'a',
    '/a': 'a',
    '//a///b//': 'a/b',
    'a/./b/.': 'a/b',
    '': '',
    '.': '',
    './': '',
    '/': '',
    '...': '...',
    '..a/b..': '..a/b..',
    '.a/.b': '.a/.b',
    'caf\xe9': 'caf\xe9',
    'a\nb': 'a\nb',
  }
  for (const [name, expected] of Object.entries(plain))
    it(`${JSON.stringify(name)} is ${JSON.stringify(expected)}`, () => assert.equal(path(name), expected))

  for (const name of ['..', '../a', 'a/..', 'a/../b', '/..', './..', 'a//..', 'a/../', '\0', 'a\0b']) {
    it(`${JSON.stringify(name)} is refused`, () => assert.throws(() => path(name), { code: 'UNSAFE_LAYER' }))
  }

  it('takes long names in linear time', () => {
    const start = performance.now()
    path(`${'a'.repeat(2000)}/${'b/'.repeat(200)}`)
    path('.'.repeat(4000))
    assert.ok(performance.now() - start < 100)
  })
})

describe('names for people', () => {
  it('are text where they can be, and never control a terminal', () => {
    assert.equal(displayPath(Buffer.from('器').toString('latin1')), '器')
    assert.equal(displayPath(''), '/')
    assert.equal(displayPath('a\x1b[31m'), '"a\\u001b[31m"')
    assert.match(displayPath('caf\xe9'), /^"caf/)
  })

  it('have a parent and a base', () => {
    assert.deepEqual([parentOf('a/b/c'), baseOf('a/b/c'), parentOf('a'), baseOf('a')], ['a/b', 'c', '', 'a'])
  })
})
