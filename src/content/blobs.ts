/** Blobs of the store: present, read, added. */
import { createReadStream, statSync, writeFileSync } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { UtsuwaError } from '../errors.ts'
import { algorithmOf, type Digest, digestOf } from '../spec/digest.ts'
import { temporaryPath } from './durable.ts'
import type { Flush } from './flush.ts'
import type { BlobReader, Expected } from './ingest.ts'
import { blobPath, storeError, tmpPath } from './paths.ts'

const READ_SIZE = 512 * 1024

/** The size of a stored blob in bytes, or undefined. What has a blob's name was verified before it got it. */
export async function blobSize(root: string, digest: Digest): Promise<number | undefined> {
  try {
    // Asked for each layer: the promise of a stat costs many times the call.
    return statSync(blobPath(root, digest), { throwIfNoEntry: false })?.size
  } catch (error) {
    throw storeError(error, `read blob ${digest}`)
  }
}

/** A whole blob of at most `limit` bytes, verified again: these are the documents that lead to everything else. */
export async function readBlob(root: string, digest: Digest, limit: number): Promise<Buffer> {
  const operation = `read blob ${digest}`
  let bytes: Buffer
  try {
    await using handle = await open(blobPath(root, digest), 'r')
    const { size } = await handle.stat()
    if (size > limit) throw new UtsuwaError('LIMIT_EXCEEDED', `${size} bytes, the limit is ${limit}`, { operation })
    bytes = await handle.readFile()
  } catch (cause) {
    throw storeError(cause, operation)
  }
  if (digestOf(bytes, algorithmOf(digest)) !== digest) {
    throw new UtsuwaError('STORE_CORRUPT', 'its bytes do not have its digest', {
      operation,
      path: blobPath(root, digest),
    })
  }
  return bytes
}

/** The bytes of a blob as a stream. */
export function streamBlob(root: string, digest: Digest): AsyncIterable<Buffer> {
  return createReadStream(blobPath(root, digest), { highWaterMark: READ_SIZE })
}

/**
 * The bytes of a blob that is small enough to be had in memory, verified.
 *
 * @throws UtsuwaError DIGEST_MISMATCH, SIZE_MISMATCH, and what reading throws
 */
export async function receiveBlob(reader: BlobReader, expected: Expected): Promise<Buffer> {
  for (;;) {
    try {
      return await receiveOnce(reader.read(0), expected)
    } catch (error) {
      const failure = reader.failed === undefined ? error : reader.failed(error)
      if (failure !== undefined) throw failure
    }
  }
}

async function receiveOnce(source: AsyncIterable<Buffer>, { digest, size }: Expected): Promise<Buffer> {
  const operation = `store blob ${digest}`
  const chunks: Buffer[] = []
  let received = 0
  for await (const chunk of source) {
    received += chunk.length
    if (received > size) break
    chunks.push(chunk)
  }
  if (received !== size) {
    const bytes = received > size ? `more than ${size}` : received
    throw new UtsuwaError('SIZE_MISMATCH', `${bytes} bytes, expected ${size}`, { operation })
  }
  const bytes = Buffer.concat(chunks)
  const actual = digestOf(bytes, algorithmOf(digest))
  if (actual !== digest) throw new UtsuwaError('DIGEST_MISMATCH', `expected ${digest}, got ${actual}`, { operation })
  return bytes
}

/**
 * Stores documents whose digests the caller has verified; what is there and damaged is replaced.
 *
 * @throws UtsuwaError NO_SPACE, STORE_CORRUPT
 */
export async function putBlobs(root: string, blobs: ReadonlyMap<Digest, Buffer>, flush: Flush): Promise<void> {
  const written = new Map<Digest, string>()
  try {
    for (const [digest, bytes] of blobs) {
      if (await isStored(root, digest, bytes)) continue
      const temporary = temporaryPath(tmpPath(root))
      written.set(digest, temporary)
      writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o644 })
    }
    if (written.size > 0) await flush.flush()
    for (const [digest, temporary] of written) await rename(temporary, blobPath(root, digest))
  } catch (cause) {
    for (const temporary of written.values()) await rm(temporary, { force: true })
    throw storeError(cause, 'store documents of an image')
  }
}

async function isStored(root: string, digest: Digest, bytes: Buffer): Promise<boolean> {
  if ((await blobSize(root, digest)) !== bytes.length) return false
  return bytes.equals(await readFile(blobPath(root, digest)))
}
