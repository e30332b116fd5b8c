import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { reserveSpace, usingReserve } from '../../../src/content/reserve.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'utsuwa-reserve-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const full = Object.assign(new Error('full'), { code: 'ENOSPC' })

test('the reserve occupies space, and is made again when it is incomplete', async () => {
  await reserveSpace(root)
  const { size, blocks } = statSync(join(root, 'reserve'))
  assert.ok(size >= 64 * 1024 && blocks * 512 >= size)
  truncateSync(join(root, 'reserve'), 10)
  await reserveSpace(root)
  assert.equal(statSync(join(root, 'reserve')).size, size)
})

test('it is given up when the disk is full, and only then', async () => {
  await reserveSpace(root)
  await usingReserve(root, async () => undefined)
  await assert.rejects(
    usingReserve(root, async () => {
      throw new Error('other')
    }),
    /other/,
  )
  assert.ok(existsSync(join(root, 'reserve')))
  let attempts = 0
  await usingReserve(root, async () => {
    if (++attempts === 1) throw full
    assert.ok(!existsSync(join(root, 'reserve')))
  })
  assert.equal(attempts, 2)
})

test('a disk that stays full is an error', async () => {
  await assert.rejects(
    usingReserve(root, async () => {
      throw full
    }),
    full,
  )
})
