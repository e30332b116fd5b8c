import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { describeErrno, errnoOf, errnos, isErrno } from '../../../src/util/errno.ts'

test('describes an errno by its name and the words for it, and one that nobody knows by its number', () => {
  assert.equal(describeErrno(errnos.EPERM), 'EPERM (operation not permitted)')
  assert.equal(describeErrno(errnos.ENOENT), 'ENOENT (no such file or directory)')
  assert.equal(describeErrno(4242), 'errno 4242')
})

test('reads the errno of a system error, and of nothing else', () => {
  let caught: unknown
  try {
    readFileSync('/does/not/exist')
  } catch (error) {
    caught = error
  }
  assert.equal(errnoOf(caught), errnos.ENOENT)
  assert.ok(isErrno(caught, 'ENOENT'))
  assert.ok(!isErrno(caught, 'EPERM'))
  for (const other of [new Error('x'), undefined, { errno: 2 }, Object.assign(new Error('x'), { errno: 'ENOENT' })]) {
    assert.equal(errnoOf(other), undefined)
    assert.ok(!isErrno(other, 'ENOENT'))
  }
})
