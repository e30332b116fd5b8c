import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openIdMappedTrees } from '../../../src/launch/idmap.ts'

test('an id-mapped mount without mappings, of its own or of a user namespace, is refused', () => {
  for (const option of ['idmap', 'ridmap'])
    assert.throws(
      () =>
        openIdMappedTrees(
          { ociVersion: '1.3.0', mounts: [{ destination: '/a', source: '/', options: ['bind', option] }] },
          '/',
        ),
      { code: 'INVALID_SPEC', configPointer: '/mounts/0' },
    )
})
