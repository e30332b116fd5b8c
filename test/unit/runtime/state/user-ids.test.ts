import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { containersDirectory } from '../../../../src/runtime/state/names.ts'
import { addRecord, emptyRecord } from '../../../../src/runtime/state/record.ts'
import { claimUserIds, reclaimUserIds, releaseUserIds } from '../../../../src/runtime/state/user-ids.ts'

test('each container has a range of its own, and gets it again', () => {
  const runRoot = mkdtempSync(join(tmpdir(), 'utsuwa-ids-'))
  try {
    const make = (id: string): string => {
      addRecord(containersDirectory(runRoot), emptyRecord(id, managed))[Symbol.dispose]()
      return id
    }
    const managed = { name: undefined, image: undefined, command: [], storeRoot: undefined, removeOnExit: false }
    // Their searches begin at the same range.
    const [one, two] = [make('0000000aa'), make('0000000ab')]
    const first = claimUserIds(runRoot, one)
    assert.equal(claimUserIds(runRoot, one), first)
    assert.equal(claimUserIds(runRoot, two), first + 65536)
    assert.equal(first % 65536, 0)
    assert.throws(() => reclaimUserIds(runRoot, first, two), { code: 'CONTAINER_EXISTS' })
    releaseUserIds(runRoot, first, two)
    reclaimUserIds(runRoot, first, one)
    releaseUserIds(runRoot, first, one)
    reclaimUserIds(runRoot, first, two)
    // Nobody knows of whoever has that: it is free.
    assert.equal(claimUserIds(runRoot, '0000000ac'), first + 2 * 65536)
    rmSync(join(containersDirectory(runRoot), two), { recursive: true })
    assert.equal(claimUserIds(runRoot, one), first)
    assert.equal(readdirSync(join(runRoot, 'user-ids')).length, 3)
  } finally {
    rmSync(runRoot, { recursive: true })
  }
})
