/**
 * Layers that ask for more than they should: node-tar CVE-2026-59873, zip bombs, endless headers.
 *
 * Seen to fail with the limits taken out (src/layer/tar.ts, path.ts, apply.ts, limits.ts): six tests missed the
 * refusal; the seventh, of a size that is only claimed, without the look for a truncated end (src/layer/tar.ts).
 */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Appliers } from '../../src/layer/applier.ts'
import { applyLayer } from '../../src/layer/apply.ts'
import { checkExpansion, DEFAULT_LAYER_LIMITS } from '../../src/layer/limits.ts'
import type { DiffId } from '../../src/spec/image.ts'
import { sha256 } from '../support/image-builder.ts'
import { encodePax, writeTar } from '../support/tar-writer.ts'
import { makeSandbox } from '../support/unpack.ts'

const sandbox = makeSandbox()
after(() => sandbox[Symbol.dispose]())
const { unpack } = sandbox
const exceeded = { code: 'LIMIT_EXCEEDED' }

describe('limits of a layer', () => {
  it('entries', async () => {
    const entries = Array.from({ length: 20 }, (_, index) => ({ path: `f${index}` }))
    await assert.rejects(unpack(entries, { entries: 19 }), exceeded)
  })

  it('bytes', async () => {
    await assert.rejects(unpack([{ path: 'f', data: Buffer.alloc(10_000) }], { bytes: 9000 }), exceeded)
  })

  it('bytes that a header only claims do not count, and the archive is truncated', async () => {
    await assert.rejects(unpack([{ path: 'f', data: 'x', claimedSize: 2 ** 40 }]), { code: 'CORRUPT_LAYER' })
  })

  it('depth and length of a name', async () => {
    await assert.rejects(unpack([{ path: 'd/'.repeat(600) }]), exceeded)
    await assert.rejects(unpack([{ path: 'x'.repeat(5000) }]), exceeded)
    await assert.rejects(unpack([{ path: 'x'.repeat(300), data: '' }]), exceeded)
  })

  it('extended headers', async () => {
    await assert.rejects(unpack([{ path: 'f', pax: { comment: 'x'.repeat(2_000_000) } }]), exceeded)
    const body = encodePax({ comment: 'x' })
    const claim = [{ path: 'pax', type: 'x', data: body, claimedSize: 2 ** 33 }]
    await assert.rejects(unpack(claim), exceeded)
  })

  it('expansion, once it is large', () => {
    const mebibyte = 1024 ** 2
    checkExpansion(DEFAULT_LAYER_LIMITS, 1, 200 * mebibyte)
    assert.throws(() => checkExpansion(DEFAULT_LAYER_LIMITS, mebibyte, 600 * mebibyte), exceeded)
    checkExpansion(DEFAULT_LAYER_LIMITS, 2 * mebibyte, 600 * mebibyte)
  })

  it('a gzip bomb ends at the limit, not at its end', async () => {
    const archive = writeTar([{ path: 'zeros', data: Buffer.alloc(64 * 1024 ** 2) }])
    const bomb = gzipSync(archive)
    async function* source() {
      yield bomb
    }
    await using appliers = new Appliers()
    const options = {
      appliers,
      diffId: sha256(archive) as string as DiffId,
      limits: { bytes: 1024 ** 2 },
      directory: sandbox.root,
    }
    await assert.rejects(applyLayer(source(), options), exceeded)
  })
})
