/**
 * A blob on its way into the store.
 *
 * It is written aside while size and digest are computed, and gets its name only when both hold. Meanwhile others may
 * follow what has arrived, at their own pace: a slow unpack does not slow the download down, and a fast one does not
 * wait for its end.
 *
 * What has arrived when the network, the caller or the process gives up stays in `partial/`, and the next attempt goes
 * on from there.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isMismatch, isUtsuwaError, UtsuwaError } from '../errors.ts'
import { algorithmOf, type Digest } from '../spec/digest.ts'
import type { Flush } from './flush.ts'
import { blobPath, partialPath, storeError } from './paths.ts'

/** Bytes gathered before they are written: each write is a trip to the thread pool. */
const WRITE_SIZE = 1024 * 1024
/** Pieces gathered at most: a sender may cut them as small as it likes, and each costs more than its bytes. */
const PIECES = 1024
const READ_SIZE = 512 * 1024
const OPEN_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW

export interface Expected {
  digest: Digest
  /** Bytes. */
  size: number
}

/** The bytes of a blob but for the first `offset`, which the store has. */
export type ReadFrom = (offset: number) => AsyncIterable<Buffer>

/** Where the bytes of a blob are had from. Their digest is for the receiver to check. */
export interface BlobReader {
  /** `offset` is 0 where the receiver has not said that it can go on. */
  read(offset: number): AsyncIterable<Buffer>
  /** There is more than one place to have them from. */
  readonly hasOthers?: boolean
  /**
   * Takes note that reading failed, or that what was read is wrong.
   *
   * @returns undefined where another place is left, which `read` then reads from; else what to fail with
   */
  failed?(error: unknown): unknown
}

export interface IngestOptions {
  flush: Flush
  /** The source can leave out what is here from an earlier attempt. Default false: then nothing is kept either. */
  resumable?: boolean
}

export class Ingest {
  readonly #root: string
  readonly #expected: Expected
  readonly #path: string
  readonly #handle: FileHandle
  readonly #flushing: Flush
  readonly #resumable: boolean
  #hash: ReturnType<typeof createHash>
  #pending: Buffer[] = []
  #pendingSize = 0
  #received = 0
  #written = 0
  /** Bytes that followers may read; those of an earlier attempt only when all are verified. */
  #readable = 0
  #outcome: 'open' | 'complete' | { failure: unknown } = 'open'
  #wake: (() => void)[] = []

  private constructor(
    root: string,
    expected: Expected,
    handle: FileHandle,
    { flush, resumable = false }: IngestOptions,
  ) {
    this.#root = root
    this.#expected = expected
    this.#path = partialPath(root, expected.digest)
    this.#handle = handle
    this.#flushing = flush
    this.#resumable = resumable
    this.#hash = createHash(algorithmOf(expected.digest))
  }

  /** The caller holds the lock of the blob's work directory: it is the only writer. */
  static async open(root: string, expected: Expected, options: IngestOptions): Promise<Ingest> {
    const path = partialPath(root, expected.digest)
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const handle = await open(path, OPEN_FLAGS | (options.resumable ? 0 : constants.O_TRUNC), 0o600)
      return new Ingest(root, expected, handle, options)
    } catch (cause) {
      throw storeError(cause, `store blob ${expected.digest}`)
    }
  }

  /**
   * Takes all bytes of the blob and verifies them; `commit()` then gives it its name. Followers see a failure too. Where
   * what is here from an earlier attempt turns out to be wrong, all is taken anew, once.
   *
   * @throws UtsuwaError DIGEST_MISMATCH, SIZE_MISMATCH, NO_SPACE, and what reading throws
   */
  async take(read: ReadFrom, onProgress: (received: number) => void = () => undefined): Promise<void> {
    const operation = `store blob ${this.#expected.digest}`
    try {
      const kept = await this.#recall()
      await this.#receive(read, onProgress).catch(async (error: unknown) => {
        if (kept === 0 || !isMismatch(error)) throw error
        await this.#startAgain()
        await this.#receive(read, onProgress)
      })
      this.#settle('complete')
    } catch (error) {
      const failure = storeErrorUnlessKnown(error, operation)
      this.#settle({ failure })
      await this.#keepOrRemove(failure)
      throw failure
    }
  }

  /** After take(): has it written to disk, and gives it its name. @throws UtsuwaError NO_SPACE, STORE_CORRUPT */
  async commit(): Promise<void> {
    try {
      await this.#flushing.flush()
      await rename(this.#path, blobPath(this.#root, this.#expected.digest))
    } catch (cause) {
      const failure = storeError(cause, `store blob ${this.#expected.digest}`)
      await this.#keepOrRemove(failure)
      throw failure
    }
  }

  /**
   * The bytes as they arrive; each piece is there until the next one is asked for. Ends without an error only when all of
   * them are verified.
   */
  async *follow(): AsyncGenerator<Buffer> {
    await using handle = await open(this.#path, 'r').catch(() => open(blobPath(this.#root, this.#expected.digest), 'r'))
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, this.#expected.size))
    for (let at = 0; ; ) {
      if (typeof this.#outcome === 'object') throw this.#outcome.failure
      const available = Math.min(this.#readable - at, READ_SIZE)
      if (available > 0) {
        const { bytesRead } = await handle.read(buffer, 0, available, at)
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      } else if (this.#outcome === 'complete') return
      else await new Promise<void>(resolve => this.#wake.push(resolve))
    }
  }

  /** What arrived was wrong, or the rest of it did not arrive. */
  get hasFailed(): boolean {
    return typeof this.#outcome === 'object'
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Hashes what an earlier attempt has left. @returns how many bytes that is */
  async #recall(): Promise<number> {
    const { size } = await this.#handle.stat()
    if (size > this.#expected.size) await this.#handle.truncate(0)
    else {
      for (let buffer = Buffer.allocUnsafe(WRITE_SIZE); this.#received < size; ) {
        const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#received)
        if (bytesRead === 0) break
        this.#hash.update(buffer.subarray(0, bytesRead))
        this.#received += bytesRead
      }
      this.#written = this.#received
    }
    return this.#written
  }

  async #startAgain(): Promise<void> {
    this.#hash = createHash(algorithmOf(this.#expected.digest))
    this.#pending = []
    this.#pendingSize = 0
    this.#received = 0
    this.#written = 0
    await this.#handle.truncate(0)
  }

  async #receive(read: ReadFrom, onProgress: (received: number) => void): Promise<void> {
    const { digest, size } = this.#expected
    const operation = `store blob ${digest}`
    const following = this.#received === 0
    if (this.#received < size || size === 0) {
      for await (const chunk of read(this.#received)) {
        this.#received += chunk.length
        if (this.#received > size) throw new UtsuwaError('SIZE_MISMATCH', `more than ${size} bytes`, { operation })
        this.#hash.update(chunk)
        this.#pending.push(chunk)
        this.#pendingSize += chunk.length
        if (this.#pendingSize >= WRITE_SIZE || this.#pending.length === PIECES) await this.#flush(following)
        onProgress(this.#received)
      }
    }
    if (this.#received !== size) {
      throw new UtsuwaError('SIZE_MISMATCH', `${this.#received} bytes, expected ${size}`, { operation })
    }
    const actual = `${algorithmOf(digest)}:${this.#hash.digest('hex')}`
    if (actual !== digest) throw new UtsuwaError('DIGEST_MISMATCH', `expected ${digest}, got ${actual}`, { operation })
    await this.#flush(true)
  }

  async #flush(following: boolean): Promise<void> {
    if (this.#pendingSize > 0) {
      const [chunks, size] = [this.#pending, this.#pendingSize]
      this.#pending = []
      this.#pendingSize = 0
      const { bytesWritten } = await this.#handle.writev(chunks, this.#written)
      if (bytesWritten !== size) throw new UtsuwaError('NO_SPACE', `${bytesWritten} of ${size} bytes written`)
      this.#written += size
      this.#flushing.wrote(size)
    }
    if (!following) return
    this.#readable = this.#written
    this.#notify()
  }

  /** Bytes that are wrong, or in the way on a full disk, help no later attempt. */
  async #keepOrRemove(failure: unknown): Promise<void> {
    try {
      if (this.#resumable && isInterruption(failure)) await this.#flush(false)
      else await rm(this.#path, { force: true })
    } catch {
      // The failure itself matters more, and what is there now is verified before it is used.
    }
  }

  #settle(outcome: 'complete' | { failure: unknown }): void {
    this.#outcome = outcome
    this.#notify()
  }

  #notify(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}

/** The network or the caller ended it, and what has arrived is good as far as anyone knows. */
export function isInterruption(error: unknown): boolean {
  return isUtsuwaError(error) && (error.code === 'ABORTED' || error.code.startsWith('REGISTRY_'))
}

function storeErrorUnlessKnown(error: unknown, operation: string): unknown {
  const isSystemError = error instanceof Error && 'syscall' in error
  return isSystemError ? storeError(error, operation) : error
}
