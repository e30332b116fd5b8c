import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { blobSize, putBlobs, readBlob } from '../../../src/content/blobs.ts'
import { Flush } from '../../../src/content/flush.ts'
import { readIndex, updateIndex } from '../../../src/content/index-file.ts'
import { Ingest } from '../../../src/content/ingest.ts'
import { acquireLock, tryLock } from '../../../src/content/lock.ts'
import { blobPath, makeStore } from '../../../src/content/paths.ts'
import { acquireWorkDirectory, collectWorkDirectories } from '../../../src/content/work-directory.ts'
import { UtsuwaError } from '../../../src/errors.ts'
import { type Digest, digestOf } from '../../../src/spec/digest.ts'

let root: string
beforeEach(async () => {
  root = join(mkdtempSync(join(tmpdir(), 'utsuwa-store-')), 'store')
  await makeStore(root)
})
afterEach(() => rmSync(join(root, '..'), { recursive: true }))

const bytes = Buffer.alloc(3_000_000, 'blob')
const expected = { digest: digestOf(bytes), size: bytes.length }

async function* pieces(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    await sleep(1)
    yield chunk
  }
}

async function ingest(source: AsyncIterable<Buffer>, wanted = expected): Promise<Buffer> {
  return ingestFrom(() => source, wanted, false)
}

async function ingestFrom(read: (offset: number) => AsyncIterable<Buffer>, wanted = expected, resumable = true) {
  await using flush = new Flush(root)
  const blob = await Ingest.open(root, wanted, { flush, resumable })
  try {
    const followed = Array.fromAsync(blob.follow(), chunk => Buffer.from(chunk))
    followed.catch(() => undefined)
    await blob.take(read)
    await blob.commit()
    return Buffer.concat(await followed)
  } finally {
    await blob.close()
  }
}

describe('Ingest', () => {
  it('gives the blob its name when size and digest hold, and lets others follow', async () => {
    assert.deepEqual(
      await ingest(pieces(bytes.subarray(0, 100), bytes.subarray(100, 2_000_000), bytes.subarray(2_000_000))),
      bytes,
    )
    assert.deepEqual(await readBlob(root, expected.digest, bytes.length), bytes)
    assert.deepEqual(readdirSync(join(root, 'partial')), [])
  })

  const wrong: [string, () => AsyncIterable<Buffer>, string][] = [
    ['other bytes', () => pieces(Buffer.alloc(bytes.length)), 'DIGEST_MISMATCH'],
    ['fewer bytes', () => pieces(bytes.subarray(1)), 'SIZE_MISMATCH'],
    ['more bytes', () => pieces(bytes, Buffer.from('x')), 'SIZE_MISMATCH'],
  ]
  for (const [title, source, code] of wrong) {
    it(`leaves nothing behind after ${title}`, async () => {
      await assert.rejects(ingest(source()), { code })
      assert.equal(await blobSize(root, expected.digest), undefined)
      assert.deepEqual(readdirSync(join(root, 'partial')), [])
    })
  }

  describe('what has arrived before an interruption', () => {
    const interrupted = new UtsuwaError('REGISTRY_UNREACHABLE', 'gone')
    const offsets: number[] = []
    /** Delivers the blob up to `end`, then breaks. */
    const until = (end: number, failure: Error = interrupted) =>
      async function* (offset: number): AsyncGenerator<Buffer> {
        offsets.push(offset)
        for (let at = offset; at < end; at += 400_000) yield bytes.subarray(at, Math.min(at + 400_000, end))
        if (end < bytes.length) throw failure
      }
    const partial = () => join(root, 'partial', expected.digest.replace(':', '-'))
    beforeEach(() => {
      offsets.length = 0
    })

    it('is kept, and only the rest is read', async () => {
      await assert.rejects(ingestFrom(until(1_700_001)), { code: 'REGISTRY_UNREACHABLE' })
      assert.equal(readFileSync(partial()).length, 1_700_001)
      await assert.rejects(ingestFrom(until(2_500_000)), { code: 'REGISTRY_UNREACHABLE' })
      assert.deepEqual(await ingestFrom(until(bytes.length)), bytes)
      assert.deepEqual(offsets, [0, 1_700_001, 2_500_000])
      assert.deepEqual(readdirSync(join(root, 'partial')), [])
    })

    it('is read no more when it is all', async () => {
      await assert.rejects(ingestFrom(until(10)), { code: 'REGISTRY_UNREACHABLE' })
      writeFileSync(partial(), bytes)
      assert.deepEqual(await ingestFrom(() => assert.fail('read')), bytes)
    })

    it('is shown to nobody and read anew, once, when it is not what it should be', async () => {
      await assert.rejects(ingestFrom(until(2_000_000)), { code: 'REGISTRY_UNREACHABLE' })
      writeFileSync(partial(), Buffer.alloc(2_000_000))
      assert.deepEqual(await ingestFrom(until(bytes.length)), bytes)
      assert.deepEqual(offsets, [0, 2_000_000, 0])
      writeFileSync(partial(), Buffer.alloc(bytes.length + 1))
      assert.deepEqual(await ingestFrom(until(bytes.length)), bytes)
      writeFileSync(partial(), 'x')
      await assert.rejects(
        ingestFrom(() => pieces(Buffer.alloc(bytes.length - 1))),
        { code: 'SIZE_MISMATCH' },
      )
      assert.deepEqual(readdirSync(join(root, 'partial')), [])
    })

    it('goes when the disk is full, or the source cannot go on from there', async () => {
      await assert.rejects(ingestFrom(until(500_000, new UtsuwaError('NO_SPACE', 'full'))), { code: 'NO_SPACE' })
      assert.deepEqual(readdirSync(join(root, 'partial')), [])
      await assert.rejects(ingestFrom(until(500_000), expected, false), { code: 'REGISTRY_UNREACHABLE' })
      assert.deepEqual(readdirSync(join(root, 'partial')), [])
    })
  })

  it('fails its followers with what its source failed with', async () => {
    await using flush = new Flush(root)
    const blob = await Ingest.open(root, expected, { flush })
    const followed = Array.fromAsync(blob.follow(), chunk => Buffer.from(chunk))
    followed.catch(() => undefined)
    async function* broken(): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, 2_000_000)
      throw new Error('broken')
    }
    await assert.rejects(blob.take(broken), { message: 'broken' })
    await assert.rejects(followed, { message: 'broken' })
    await blob.close()
  })

  it('knows sha512, and an empty blob', async () => {
    const wanted = { digest: digestOf(bytes, 'sha512'), size: bytes.length }
    await ingest(pieces(bytes), wanted)
    assert.ok(existsSync(join(root, 'oci/blobs/sha512', wanted.digest.slice(7))))
    await ingest(pieces(), { digest: digestOf(Buffer.alloc(0)), size: 0 })
  })
})

describe('blobs', () => {
  it('are verified when they are read', async () => {
    await using flush = new Flush(root)
    await putBlobs(root, new Map([[expected.digest, bytes]]), flush)
    await assert.rejects(readBlob(root, expected.digest, 10), { code: 'LIMIT_EXCEEDED' })
    writeFileSync(blobPath(root, expected.digest), 'changed')
    await assert.rejects(readBlob(root, expected.digest, 10), { code: 'STORE_CORRUPT' })
    await assert.rejects(readBlob(root, `sha256:${'0'.repeat(64)}` as Digest, 10), { code: 'STORE_CORRUPT' })
  })
})

describe('index.json', () => {
  it('is changed by one at a time', async () => {
    const add = (name: string) =>
      updateIndex(root, entries => [...entries, { mediaType: 'x', ...expected, annotations: { name } }])
    await Promise.all(Array.from({ length: 20 }, (_, number) => add(String(number))))
    assert.equal((await readIndex(root)).length, 20)
  })

  it('says where it is broken', async () => {
    writeFileSync(join(root, 'oci/index.json'), '{"schemaVersion":2,"manifests":[{}]}')
    await assert.rejects(readIndex(root), { code: 'STORE_CORRUPT', message: /manifests\/0/ })
  })

  it('is kept when the store is made again', async () => {
    await updateIndex(root, () => [{ mediaType: 'x', ...expected }])
    await makeStore(root)
    assert.equal((await readIndex(root)).length, 1)
    assert.deepEqual(JSON.parse(readFileSync(join(root, 'oci/oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' })
  })
})

describe('work directories', () => {
  it('are had by one at a time, empty each time, and gone at the end', async () => {
    let inside = 0
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        await using work = await acquireWorkDirectory(root, 'same')
        assert.equal(++inside, 1)
        assert.deepEqual(readdirSync(work.path), [])
        writeFileSync(join(work.path, 'file'), '')
        await sleep(2)
        inside--
      }),
    )
    assert.deepEqual(readdirSync(join(root, 'tmp')), [])
  })

  it('that a crash left behind are collected; those in use are not', async () => {
    mkdirSync(join(root, 'tmp/left/over'), { recursive: true })
    await using work = await acquireWorkDirectory(root, 'used')
    await collectWorkDirectories(root)
    assert.deepEqual(readdirSync(join(root, 'tmp')), ['used'])
    assert.ok(existsSync(work.path))
  })

  it('are waited for no longer than the caller wants', async () => {
    await using _work = await acquireWorkDirectory(root, 'taken')
    await assert.rejects(acquireWorkDirectory(root, 'taken', AbortSignal.timeout(20)), { code: 'ABORTED' })
  })
})

describe('locks', () => {
  it('are shared or exclusive', async () => {
    const path = join(root, 'lock')
    const shared = await acquireLock(path, 'shared')
    const second = await tryLock(path, 'shared')
    assert.notEqual(second, undefined)
    assert.equal(await tryLock(path, 'exclusive'), undefined)
    await second?.[Symbol.asyncDispose]()
    await shared[Symbol.asyncDispose]()
    const exclusive = await tryLock(path, 'exclusive')
    assert.equal(await tryLock(path, 'shared'), undefined)
    await exclusive?.[Symbol.asyncDispose]()
  })
})
