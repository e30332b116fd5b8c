import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sweepRunRoot } from '../../../../src/engine/by-name/sweep.ts'
import { claimName, containersDirectory, namesDirectory } from '../../../../src/runtime/state/names.ts'
import { addRecord } from '../../../../src/runtime/state/record.ts'
import { claimUserIds, userIdsDirectory } from '../../../../src/runtime/state/user-ids.ts'
import { recordOf, temporaryDirectory } from '../../runtime/state/support.ts'

test('names and user ids of containers that are gone are freed, those of others stay', () => {
  using root = temporaryDirectory()
  using _kept = addRecord(containersDirectory(root.path), recordOf('aaa'))
  claimName(root.path, 'web', 'aaa')
  const first = claimUserIds(root.path, 'aaa')
  for (const directory of [namesDirectory(root.path), userIdsDirectory(root.path)])
    symlinkSync('gone', join(directory, '1073741824x'))
  sweepRunRoot(root.path)
  assert.deepEqual(readdirSync(namesDirectory(root.path)), ['web'])
  assert.deepEqual(readdirSync(userIdsDirectory(root.path)), [String(first)])
})

test('half-made containers of callers that were killed are removed, those in the making stay', () => {
  using root = temporaryDirectory()
  using _kept = addRecord(containersDirectory(root.path), recordOf('aaa'))
  mkdirSync(join(containersDirectory(root.path), '.new-1-1'))
  sweepRunRoot(root.path)
  assert.deepEqual(readdirSync(containersDirectory(root.path)), ['aaa'])
})

test('a run root that is not there has nothing to sweep', () => {
  using root = temporaryDirectory()
  assert.doesNotThrow(() => sweepRunRoot(join(root.path, 'missing')))
})
