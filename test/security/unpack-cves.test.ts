/**
 * One hostile layer for each CVE of containerd's, umoci's and node-tar's unpacking, through the whole of ours: it is
 * refused, or harmless. test/support/hostile-layers.ts has them.
 *
 * Seen to fail with all walls taken out: the look for `..` (src/layer/path.ts), the flags of openat2
 * (native/applier_tree.c) and the cage (native/applier_confine.c). Five layers and the race then changed what is
 * outside, or ended otherwise than they should; with last components followed instead of the look for `..` taken out,
 * six layers and the race did. With the flags or the cage alone taken out, nothing fails: the other holds.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isUtsuwaError } from '../../src/errors.ts'
import { makeSandbox as makeBox } from '../support/busybox-root.ts'
import { hostileLayers } from '../support/hostile-layers.ts'
import { compareTrees, describeTree } from '../support/tree.ts'
import { makeSandbox } from '../support/unpack.ts'
import { TRIES, whileExchanging } from './support.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())

const fromBytes = (name: string): string => Buffer.from(name, 'latin1').toString()

for (const { hole, attempt, archive, outcome } of hostileLayers)
  test(`${hole}: ${attempt}`, async () => {
    // The sandbox asserts that nothing outside has changed, whatever happens.
    const unpacked = sandbox.unpack(archive(sandbox))
    if (typeof outcome === 'string') await assert.rejects(unpacked, { code: outcome })
    // Names are bytes, one a character, in what the sandbox finds.
    else assert.deepEqual([...(await unpacked).keys()].map(fromBytes).sort(), [...outcome].sort())
  })

test(`containerd CVE-2025-47290: ${TRIES} files in a directory that is exchanged with a link meanwhile`, async () => {
  using attacker = makeBox()
  const [directory, link] = ['d', 'link'].map(name => join(sandbox.root, name)) as [string, string]
  // Each in another directory than the one before, so that each is looked up.
  const files = Array.from({ length: 20 }, (_, index) => ({ path: `d/${index % 2}/${index}`, data: 'evil' }))
  await sandbox.unpack([{ path: 'd/' }, { path: 'link', type: '2', linkpath: sandbox.outside }])
  const before = describeTree(sandbox.outside)
  await whileExchanging(attacker, [directory, link], async () => {
    for (let count = 0; count < TRIES; count += files.length)
      // The link leads nowhere: the layer fails, as it must.
      await sandbox.apply(files).catch((error: unknown) => {
        assert.ok(isUtsuwaError(error), String(error))
      })
  })
  assert.deepEqual(compareTrees(describeTree(sandbox.outside), before), [])
})
