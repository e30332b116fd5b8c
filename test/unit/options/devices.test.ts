import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockIo } from '../../../src/options/block-io.ts'
import { chooseDevices } from '../../../src/options/devices.ts'

test('a device comes under its own or another path, with a rule that allows it', () => {
  const { devices, rules } = chooseDevices({ devices: ['/dev/null', '/dev/zero:/dev/nothing:r', '/dev/full:rw'] })
  assert.deepEqual(
    devices.map(({ path, type, major, minor }) => `${path} ${type} ${major}:${minor}`),
    ['/dev/null c 1:3', '/dev/nothing c 1:5', '/dev/full c 1:7'],
  )
  assert.deepEqual(
    rules.map(({ allow, type, major, minor, access }) => `${allow} ${type} ${major}:${minor} ${access}`),
    ['true c 1:3 rwm', 'true c 1:5 r', 'true c 1:7 rw'],
  )
})

test('what is no device is refused', () => {
  for (const text of [
    'null',
    '/no/such',
    '/etc/passwd',
    '/dev/null:x',
    '/dev/null:/a:/b',
    '/dev/null:/a:rx',
    '/dev/null:r:w',
  ])
    assert.throws(() => chooseDevices({ devices: [text] }), { code: 'INVALID_ARGUMENT' }, text)
})

test('rules are those of docker', () => {
  const { rules } = chooseDevices({ deviceCgroupRules: ['c 42:* rmw', 'a *:* m'] })
  assert.deepEqual(rules, [
    { allow: true, type: 'c', major: 42, access: 'rmw' },
    { allow: true, type: 'a', access: 'm' },
  ])
  for (const text of ['c 42', 'x 1:1 r', 'c 1:1 q'])
    assert.throws(() => chooseDevices({ deviceCgroupRules: [text] }), { code: 'INVALID_ARGUMENT' }, text)
})

test('weights and rates are checked; a character device has none', () => {
  assert.deepEqual(blockIo({}), {})
  assert.deepEqual(blockIo({ blkioWeight: 500 }), { weight: 500 })
  assert.throws(() => blockIo({ blkioWeight: 5 }), /10 to 1000/)
  assert.throws(() => blockIo({ deviceReadBps: ['/dev/null:1mb'] }), /no block device/)
  assert.throws(() => blockIo({ deviceWriteIops: ['/dev/sda'] }), /device:value/)
})
