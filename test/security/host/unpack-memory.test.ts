/**
 * Layers that make us keep, make or look up more than they have: each hostile layer is pulled by the command line, and
 * the memory of all its processes is counted.
 *
 * Seen to fail with the limits of headers, attributes, implied directories and zstd windows taken out (src/layer/limits.ts,
 * extended-headers.ts, tar.ts, native/applier_tree.c) and the times of directories kept until the end: pulls took 150 to
 * 410 MB (headers, attributes, names of directories, the window), or ended without the refusal.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openWorkplace, utsuwaPath } from '../../support/command-line.ts'
import { compressed, greedyLayers } from '../../support/greedy-layers.ts'
import { hostileLayers } from '../../support/hostile-layers.ts'
import { sha256 } from '../../support/image-builder.ts'
import { imageOf, serve, startScripted } from '../../support/misbehaving-registry.ts'
import { type Peak, peakMemoryOf } from '../../support/peak-memory.ts'

/** Bytes. Node alone has some 60 MB. */
const ENOUGH = 150e6
/** Milliseconds in which each pull must have ended. */
const timeout = 120_000

async function pulled(archive: Buffer, blob = archive): Promise<Peak & { layers: number }> {
  using place = openWorkplace()
  const image = imageOf([blob], undefined, [sha256(archive)])
  await using registry = await startScripted((request, response) => serve(image, request, response))
  const peak = await peakMemoryOf(utsuwaPath, place.argv('pull', `${registry.host}/app:v1`))
  const layers = join(place.directory, 'store/layers')
  return { ...peak, layers: existsSync(layers) ? readdirSync(layers).length : 0 }
}

describe('of little, a layer makes no more than enough:', { timeout: greedyLayers.length * timeout }, () => {
  for (const greedy of greedyLayers)
    it(greedy.attempt, { timeout }, async test => {
      const archive = greedy.archive()
      const { bytes, exitCode, stderr, layers } = await pulled(archive, compressed(greedy, archive))
      test.diagnostic(`${Math.round(bytes / 1e6)} MB`)
      if (greedy.refusal === undefined) assert.deepEqual([exitCode, layers], [0, 1], stderr)
      else {
        assert.match(stderr, greedy.refusal)
        assert.deepEqual([exitCode, layers], [125, 0])
      }
      assert.ok(bytes < ENOUGH, `${bytes} bytes of memory`)
    })
})

it('and so do all layers that try something else', { timeout }, async () => {
  for (const { hole, archive } of hostileLayers) {
    const { bytes } = await pulled(archive({ outside: '/outside', wayOut: '../outside' }))
    assert.ok(bytes < ENOUGH, `${hole}: ${bytes} bytes of memory`)
  }
})
