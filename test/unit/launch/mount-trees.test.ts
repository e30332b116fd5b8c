import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMountTrees } from '../../../src/launch/mount-trees.ts'

test('an id-mapped mount without mappings, of its own or of a user namespace, is refused', () => {
  for (const option of ['idmap', 'ridmap'])
    assert.throws(
      () =>
        openMountTrees(
          { descriptors: ['mount/0'] },
          { ociVersion: '1.3.0', mounts: [{ destination: '/a', source: '/', options: ['bind', option] }] },
          '/',
        ),
      { code: 'INVALID_SPEC', configPointer: '/mounts/0' },
    )
})
