import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotationProperties } from '../../../../src/cgroup/systemd/systemd-annotations.ts'

function propertyOf(name: string, text: string): string | undefined {
  const [property] = annotationProperties({ [`org.systemd.property.${name}`]: text })
  return property && [property.name, property.type, ...property.value].join(' ')
}

test('values in the text format of GVariant', () => {
  assert.equal(propertyOf('SendSIGHUP', 'true'), 'SendSIGHUP b true')
  assert.equal(propertyOf('CollectMode', "'inactive-or-failed'"), 'CollectMode s inactive-or-failed')
  assert.equal(propertyOf('Description', '"it\'s \\"mine\\""'), 'Description s it\'s "mine"')
  assert.equal(propertyOf('After', '[\'a.service\', "b.service"]'), 'After as 2 a.service b.service')
  assert.equal(propertyOf('After', '[]'), 'After as 0')
  assert.equal(propertyOf('KillSignal', '15'), 'KillSignal i 15')
  assert.equal(propertyOf('TimeoutStopUSec', 'uint64 30000000'), 'TimeoutStopUSec t 30000000')
})

test('seconds become microseconds, which is what D-Bus has', () => {
  assert.equal(propertyOf('TimeoutStopSec', '1.5'), 'TimeoutStopUSec t 1500000')
  assert.equal(propertyOf('RuntimeMaxSec', 'uint64 60'), 'RuntimeMaxUSec t 60000000')
})

test('other annotations are none of its business', () => {
  assert.deepEqual(annotationProperties({ 'org.systemd.propertyX': '1', a: 'b' }), [])
  assert.deepEqual(annotationProperties(undefined), [])
})

test('names and values that are none are refused, with the pointer', () => {
  for (const [name, text] of [
    ['', '1'],
    ['A-B', '1'],
    ['Aü', '1'],
    ['Slice', "'x.slice'"],
    ['PIDs', '[1]'],
    ['Delegate', 'false'],
    ['After', "['a'"],
    ['After', "['a' 'b']"],
    ['CollectMode', 'inactive'],
    ['KillSignal', 'uint64 x'],
    ['KillSignal', 'int32 1.5'],
    ['KillSignal', '5; rm'],
    ['TimeoutStopSec', "'5s'"],
  ] as const)
    assert.throws(
      () => propertyOf(name, text),
      { code: 'INVALID_SPEC', configPointer: `/annotations/org.systemd.property.${name}` },
      `${name}=${text}`,
    )
})
