import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { makeStore } from '../../../src/content/paths.ts'
import { prepareSnapshot, removeAbandonedSnapshots, snapshotLayers } from '../../../src/snapshot/active.ts'
import { removeSnapshot } from '../../../src/snapshot/remove.ts'
import type { DiffId } from '../../../src/spec/image.ts'

let root: string
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'utsuwa-snapshot-'))
  await makeStore(root)
})
afterEach(() => rmSync(root, { recursive: true }))

const own = { uid: process.getuid!(), gid: process.getgid!() }

/** A committed layer, as far as a snapshot looks at it; owned by whoever runs the test, so that nobody needs root. */
function layer(digit: string, description: object = {}): DiffId {
  const directory = join(root, 'layers', digit.repeat(64))
  mkdirSync(join(directory, 'fs'), { recursive: true })
  writeFileSync(
    join(directory, 'layer.json'),
    JSON.stringify({ size: 1, entries: 1, opaqueRoot: false, root: { mode: 0o755, ...own }, ...description }),
  )
  return `sha256:${digit.repeat(64)}` as string as DiffId
}
const names = (directories: string[]) => directories.map(path => path.split('/').at(-2)![0])

describe('prepareSnapshot', () => {
  it('gives the layers topmost first, and empty directories to write to', async () => {
    const { lowerDirs, upperDir, workDir } = await prepareSnapshot(root, 'box', [layer('a'), layer('b'), layer('c')])
    assert.deepEqual(names(lowerDirs), ['c', 'b', 'a'])
    assert.deepEqual([...readdirSync(upperDir), ...readdirSync(workDir)], [])
    assert.equal(statSync(join(root, 'containers/box')).mode & 0o777, 0o700)
  })

  it('leaves out what an opaque root hides, and takes the mode of the topmost root', async () => {
    const diffIds = [
      layer('a'),
      layer('b', { opaqueRoot: true, root: { mode: 0o700, ...own } }),
      layer('c', { root: undefined }),
    ]
    const { lowerDirs, upperDir } = await prepareSnapshot(root, 'box', diffIds)
    assert.deepEqual(names(lowerDirs), ['c', 'b'])
    assert.equal(statSync(upperDir).mode & 0o777, 0o700)
  })

  it('refuses an id that is taken and a layer that is not there, and leaves nothing', async () => {
    await prepareSnapshot(root, 'box', [layer('a')])
    await assert.rejects(prepareSnapshot(root, 'box', []), { code: 'CONTAINER_EXISTS' })
    await assert.rejects(prepareSnapshot(root, 'other', [`sha256:${'f'.repeat(64)}` as string as DiffId]), {
      code: 'STORE_CORRUPT',
    })
    assert.deepEqual(readdirSync(join(root, 'containers')), ['box'])
  })

  it('is remembered until it is removed', async () => {
    const diffIds = [layer('a'), layer('b')]
    await prepareSnapshot(root, 'box', diffIds)
    mkdirSync(join(root, 'containers/cut-short'))
    mkdirSync(join(root, 'containers/half-written'))
    writeFileSync(join(root, 'containers/half-written/snapshot.json'), '{"diffIds":["sha')
    assert.deepEqual(await snapshotLayers(root), new Map([['box', diffIds]]))
    await removeSnapshot(root, 'box')
    await removeSnapshot(root, 'box')
    assert.deepEqual(await snapshotLayers(root), new Map())
  })
})

describe('removeAbandonedSnapshots', () => {
  it('keeps what a container that starts at boot wrote, even if a power cut spoilt the record of its snapshot', async () => {
    for (const id of ['kept', 'lost']) {
      await prepareSnapshot(root, id, [layer('a')])
      writeFileSync(join(root, 'containers', id, 'snapshot.json'), '')
    }
    writeFileSync(join(root, 'containers/kept/container.json'), '{}')
    await removeAbandonedSnapshots(root, async path => rmSync(path, { recursive: true }))
    assert.deepEqual(readdirSync(join(root, 'containers')), ['kept'])
  })
})
