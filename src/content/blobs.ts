/** Blobs of the store: present, read, added. */
import { createReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { UtsuwaError } from '../errors.ts'
import { algorithmOf, type Digest, digestOf } from '../spec/digest.ts'
import { isErrno } from '../util/errno.ts'
import { writeDurably } from './durable.ts'
import { blobPath, storeError, tmpPath } from './paths.ts'

const READ_SIZE = 512 * 1024

/** The size of a stored blob in bytes, or undefined. What has a blob's name was verified before it got it. */
export async function blobSize(root: string, digest: Digest): Promise<number | undefined> {
  try {
    return (await stat(blobPath(root, digest))).size
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
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

/** Stores a document whose digest the caller has verified; one that is there and damaged is replaced. */
export async function putBlob(root: string, digest: Digest, bytes: Buffer): Promise<void> {
  try {
    if (await isStored(root, digest, bytes)) return
    await writeDurably(blobPath(root, digest), bytes, { temporaryDirectory: tmpPath(root), mode: 0o644 })
  } catch (cause) {
    throw storeError(cause, `store blob ${digest}`)
  }
}

async function isStored(root: string, digest: Digest, bytes: Buffer): Promise<boolean> {
  if ((await blobSize(root, digest)) !== bytes.length) return false
  return bytes.equals(await readFile(blobPath(root, digest)))
}
