/**
 * A blob on its way into the store.
 *
 * It is written aside while size and digest are computed, and gets its name only when both hold. Meanwhile others may
 * follow what has arrived, at their own pace: a slow unpack does not slow the download down, and a fast one does not
 * wait for its end.
 */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import { algorithmOf, type Digest } from '../spec/digest.ts'
import { syncDirectory } from './durable.ts'
import { blobPath, storeError } from './paths.ts'

/** Bytes gathered before they are written: each write is a trip to the thread pool. */
const WRITE_SIZE = 1024 * 1024
const READ_SIZE = 512 * 1024

export interface Expected {
  digest: Digest
  /** Bytes. */
  size: number
}

export class Ingest {
  readonly #root: string
  readonly #expected: Expected
  readonly #path: string
  readonly #handle: FileHandle
  readonly #hash: Hash
  #pending: Buffer[] = []
  #pendingSize = 0
  #received = 0
  /** Bytes that followers may read. */
  #written = 0
  #outcome: 'open' | 'committed' | { failure: unknown } = 'open'
  #wake: (() => void)[] = []

  private constructor(root: string, expected: Expected, path: string, handle: FileHandle) {
    this.#root = root
    this.#expected = expected
    this.#path = path
    this.#handle = handle
    this.#hash = createHash(algorithmOf(expected.digest))
  }

  /** @param directory a work directory of the same store */
  static async open(root: string, directory: string, expected: Expected): Promise<Ingest> {
    const path = join(directory, 'data')
    return new Ingest(root, expected, path, await open(path, 'wx+', 0o600))
  }

  /**
   * Takes all bytes of `source`, verifies them and gives the blob its name. Followers see a failure too.
   *
   * @throws UtsuwaError DIGEST_MISMATCH, SIZE_MISMATCH, NO_SPACE, and what `source` throws
   */
  async take(source: AsyncIterable<Buffer>, onProgress: (received: number) => void = () => undefined): Promise<void> {
    const { digest, size } = this.#expected
    const operation = `store blob ${digest}`
    try {
      for await (const chunk of source) {
        this.#received += chunk.length
        if (this.#received > size) throw new UtsuwaError('SIZE_MISMATCH', `more than ${size} bytes`, { operation })
        this.#hash.update(chunk)
        this.#pending.push(chunk)
        this.#pendingSize += chunk.length
        if (this.#pendingSize >= WRITE_SIZE) await this.#flush()
        onProgress(this.#received)
      }
      if (this.#received !== size) {
        throw new UtsuwaError('SIZE_MISMATCH', `${this.#received} bytes, expected ${size}`, { operation })
      }
      const actual = `${algorithmOf(digest)}:${this.#hash.digest('hex')}`
      if (actual !== digest)
        throw new UtsuwaError('DIGEST_MISMATCH', `expected ${digest}, got ${actual}`, { operation })
      await this.#flush()
      await this.#commit()
      this.#settle('committed')
    } catch (error) {
      const failure = storeErrorUnlessKnown(error, operation)
      this.#settle({ failure })
      throw failure
    }
  }

  /** The bytes as they arrive. Ends without an error only when all of them are verified and stored. */
  async *follow(): AsyncGenerator<Buffer> {
    await using handle = await open(this.#path, 'r').catch(() => open(blobPath(this.#root, this.#expected.digest), 'r'))
    for (let at = 0; ; ) {
      if (typeof this.#outcome === 'object') throw this.#outcome.failure
      const available = Math.min(this.#written - at, READ_SIZE)
      if (available > 0) {
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(available), 0, available, at)
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      } else if (this.#outcome === 'committed') return
      else await new Promise<void>(resolve => this.#wake.push(resolve))
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #flush(): Promise<void> {
    if (this.#pendingSize === 0) return
    const [chunks, size] = [this.#pending, this.#pendingSize]
    this.#pending = []
    this.#pendingSize = 0
    const { bytesWritten } = await this.#handle.writev(chunks)
    if (bytesWritten !== size) throw new UtsuwaError('NO_SPACE', `${bytesWritten} of ${size} bytes written`)
    this.#written += size
    this.#notify()
  }

  async #commit(): Promise<void> {
    await this.#handle.sync()
    const path = blobPath(this.#root, this.#expected.digest)
    await rename(this.#path, path)
    await syncDirectory(dirname(path))
  }

  #settle(outcome: 'committed' | { failure: unknown }): void {
    this.#outcome = outcome
    this.#notify()
  }

  #notify(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}

function storeErrorUnlessKnown(error: unknown, operation: string): unknown {
  const isSystemError = error instanceof Error && 'syscall' in error
  return isSystemError ? storeError(error, operation) : error
}
