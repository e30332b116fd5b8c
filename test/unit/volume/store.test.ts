import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isUtsuwaError } from '../../../src/errors.ts'
import {
  ensureVolume,
  findVolume,
  listVolumes,
  lockVolumes,
  readVolume,
  removeVolumeTree,
} from '../../../src/volume/store.ts'

const root = mkdtempSync(join(tmpdir(), 'utsuwa-volumes-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('there are none before the first is made, and asking makes nothing', async () => {
  assert.deepEqual(await listVolumes(join(root, 'nowhere')), [])
  await assert.rejects(readVolume(root, 'data'), error => isUtsuwaError(error, 'VOLUME_NOT_FOUND'))
})

test('a volume is made once, whoever wants it, and only root may look into it', async () => {
  await using _lock = await lockVolumes(root, 'shared')
  const [first, second] = await Promise.all([ensureVolume(root, 'data', { a: '1' }), ensureVolume(root, 'data')])
  assert.deepEqual(first, second)
  assert.equal(first?.mountpoint, join(root, 'volumes/data/_data'))
  assert.equal(first?.anonymous, false)
  assert.equal(statSync(join(root, 'volumes')).mode & 0o777, 0o700)
  const anonymous = await ensureVolume(root, undefined)
  assert.match(anonymous.name, /^[0-9a-f]{64}$/)
  assert.equal(anonymous.anonymous, true)
  assert.deepEqual(
    (await listVolumes(root)).map(({ name }) => name),
    [anonymous.name, 'data'].sort(),
  )
})

test('a removed one is gone with all that is in it, and what crashes left', async () => {
  await using _lock = await lockVolumes(root, 'exclusive')
  const { mountpoint } = await ensureVolume(root, 'data')
  writeFileSync(join(mountpoint, 'file'), '')
  const leftover = join(root, 'volumes/.new-0123')
  mkdirSync(leftover)
  await removeVolumeTree(root, 'data')
  await removeVolumeTree(root, 'data')
  assert.equal(await findVolume(root, 'data'), undefined)
  assert.equal(statSync(leftover, { throwIfNoEntry: false }), undefined)
})

test('a name that is no name leads nowhere', async () => {
  for (const name of ['..', '.lock', '../volumes/data', ''])
    await assert.rejects(readVolume(root, name), error => isUtsuwaError(error, 'VOLUME_NOT_FOUND'), name)
})
