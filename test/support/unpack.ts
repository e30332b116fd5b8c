/** Unpacks a hostile layer next to files that must not change. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Appliers } from '../../src/layer/applier.ts'
import { applyLayer } from '../../src/layer/apply.ts'
import type { LayerLimits } from '../../src/layer/limits.ts'
import type { DiffId } from '../../src/spec/image.ts'
import { sha256 } from './image-builder.ts'
import { type TarEntry, writeTar } from './tar-writer.ts'
import { compareTrees, describeTree, type TreeNode } from './tree.ts'

export interface Sandbox extends Disposable {
  /** Absolute path of a directory beside the layer; `outside/secret` is in it. */
  outside: string
  /** The layer's root. */
  root: string
  /** The name of that directory as seen from the layer's root, by a path that leaves it. */
  wayOut: string
  /**
   * Applies a layer.
   *
   * @returns what is in its root then
   * @throws what applyLayer throws, after asserting that nothing outside of the layer changed
   */
  unpack(layer: readonly TarEntry[] | Buffer, limits?: Partial<LayerLimits>): Promise<Map<string, TreeNode>>
  /** Applies a layer on top of what is in the root, and looks at nothing. */
  apply(layer: readonly TarEntry[] | Buffer, limits?: Partial<LayerLimits>): Promise<void>
}

export function makeSandbox(): Sandbox {
  const directory = mkdtempSync(join(tmpdir(), 'utsuwa-unpack-'))
  const outside = join(directory, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'secret')
  chmodSync(join(outside, 'secret'), 0o640)
  const root = join(directory, 'layers/layer/fs')
  mkdirSync(root, { recursive: true })
  async function apply(layer: readonly TarEntry[] | Buffer, limits: Partial<LayerLimits> = {}): Promise<void> {
    const archive = Buffer.isBuffer(layer) ? layer : writeTar(layer as readonly TarEntry[])
    const diffId = sha256(archive) as string as DiffId
    await using appliers = new Appliers()
    await applyLayer([archive] as unknown as AsyncIterable<Buffer>, { appliers, directory: root, diffId, limits })
  }
  return {
    outside,
    root,
    wayOut: '../../../outside',
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
    apply,
    async unpack(layer, limits) {
      rmSync(root, { recursive: true, force: true })
      mkdirSync(root, { recursive: true })
      const before = describeTree(outside)
      try {
        await apply(layer, limits)
      } finally {
        assert.deepEqual(compareTrees(describeTree(outside), before), [], 'something outside of the layer changed')
      }
      return describeTree(root)
    },
  }
}
