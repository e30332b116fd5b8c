import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import { resolveUser } from '../../../src/options/user.ts'

const FILES: Record<string, string> = {
  '/etc/passwd': `root:x:0:0:root:/root:/bin/sh
app:x:1000:1001::/srv/app:/bin/sh
1234:x:0:0::/numeric:/bin/sh
broken line
huge:x:4294967296:0::/:/bin/sh
nohome:x:7:7:::
`,
  '/etc/group': `root:x:0:root
wheel:x:10:root,app
app:x:1001:app
docker:x:999:app
`,
}

const resolve = (user: string, files = FILES) => resolveUser(user, path => files[path])

test('finds users and groups by name and number', () => {
  const app = { uid: 1000, gid: 1001, home: '/srv/app' }
  assert.deepEqual(resolve('app'), { ...app, additionalGids: [1001, 10, 999] })
  assert.deepEqual(resolve('1000'), { ...app, additionalGids: [1001, 10, 999] })
  assert.deepEqual(resolve('app:docker'), { ...app, gid: 999, additionalGids: [999] })
  assert.deepEqual(resolve('1000:5'), { ...app, gid: 5, additionalGids: [5] })
  assert.deepEqual(resolve('app:'), { ...app, additionalGids: [1001, 10, 999] })
  assert.deepEqual(resolve('1'), { uid: 1, gid: 0, additionalGids: [0], home: '/' })
  assert.deepEqual(resolve('nohome'), { uid: 7, gid: 7, additionalGids: [7], home: '/' })
})

test('takes root when nothing is said, with or without files', () => {
  const root = { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }
  assert.deepEqual(resolve(''), root)
  assert.deepEqual(resolve(':docker'), { ...root, gid: 999, additionalGids: [999] })
  assert.deepEqual(resolve('', {}), { uid: 0, gid: 0, additionalGids: [0], home: '/' })
})

test('never takes a number for a name (CVE-2026-46680), nor one out of range (CVE-2024-40635)', () => {
  assert.equal(resolve('1234').uid, 1234)
  assert.equal(resolve('2147483646').uid, 2147483646)
  for (const user of ['2147483647', '4294967295', '4294967296', '-1', '+1', '99999999999999999999', '0:4294967295']) {
    assert.throws(
      () => resolve(user),
      error => isUtsuwaError(error, 'INVALID_ARGUMENT') && /must be from 0 to 2147483646$/.test(error.message),
      user,
    )
  }
})

test('says who is missing', () => {
  assert.throws(() => resolve('bob'), { message: 'look up user "bob": no such user in /etc/passwd of the container' })
  assert.throws(() => resolve('app:x'), { message: 'look up group "x": no such group in /etc/group of the container' })
  assert.throws(() => resolve('huge'), /no such user/)
})

test('looks at no more than 1 MiB (CVE-2026-47262)', () => {
  const passwd = `${'x'.repeat(63)}\n`.repeat(20_000)
  const files = { '/etc/passwd': `near:x:5:5::/:\n${passwd}far:x:6:6::/:\n` }
  assert.equal(resolve('near', files).uid, 5)
  assert.throws(() => resolve('far', files), /no such user/)
})
