/**
 * Blobs into a registry (distribution-spec, "Pushing blobs"): not at all where they are there already, mounted from
 * another repository, in one request, or, where that breaks or is too much for the registry, in chunks.
 */
import { Readable } from 'node:stream'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import type { Digest } from '../spec/image.ts'
import { pushScope, type RegistryClient } from './client.ts'
import { ledTo } from './endpoint.ts'
import { statusError } from './errors.ts'
import { isTransientError, isTransientStatus } from './retry.ts'
import type { HostSession } from './session.ts'
import { type Request, type Response, readErrorBody } from './transport.ts'

export interface BlobToPush {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** Its bytes from `start` up to, not with, `end`. */
  read(start: number, end: number): Readable
}

export interface PushBlobOptions {
  /** A repository of the same registry that may have the blob. */
  readonly mountFrom?: string | undefined
  /** Bytes in each request. Default: all in one; where that fails, 16 MiB. */
  readonly chunkSize?: number | undefined
  /** Bytes that are on their way. */
  readonly onProgress?: (sent: number) => void
}

/** What it took to get the blob there. */
export type BlobPush = 'present' | 'mounted' | 'uploaded'

const FALLBACK_CHUNK_SIZE = 16 * 1024 * 1024
/** "Too large", and "that is not the next chunk": the upload itself can go on. */
const RESUMABLE_STATUS: ReadonlySet<number> = new Set([413, 416])

/** @throws UtsuwaError REGISTRY_*, DIGEST_MISMATCH, ABORTED */
export async function pushBlob(
  client: RegistryClient,
  repository: string,
  blob: BlobToPush,
  { mountFrom, chunkSize, onProgress = () => undefined }: PushBlobOptions = {},
): Promise<BlobPush> {
  const scope = pushScope(repository)
  const head = await client.writable.send(`${repository}/blobs/${blob.digest}`, scope, { method: 'HEAD' })
  await readErrorBody(head)
  if (head.status === 200) return 'present'
  if (head.status !== 404) throw statusError(head, '', 'REGISTRY_ERROR')
  const upload = new Upload(client, repository, blob, onProgress)
  if (mountFrom !== undefined && (await upload.mount(mountFrom))) return 'mounted'
  await upload.run(chunkSize)
  return 'uploaded'
}

/** An attempt that failed, but may go on from where it was. */
class Interruption {
  readonly error: unknown
  readonly retryAfter: string | undefined

  constructor(error: unknown, retryAfter?: string) {
    this.error = error
    this.retryAfter = retryAfter
  }
}

class Upload {
  readonly #client: RegistryClient
  readonly #host: HostSession
  readonly #repository: string
  readonly #scope: string
  readonly #blob: BlobToPush
  readonly #onProgress: (sent: number) => void
  /** Where the registry wants the next bytes. */
  #location: URL | undefined
  /** Bytes that the registry has. */
  #offset = 0
  /** Below which the registry takes no chunk but the last. */
  #minChunkSize = 0

  constructor(client: RegistryClient, repository: string, blob: BlobToPush, onProgress: (sent: number) => void) {
    this.#client = client
    this.#host = client.writable
    this.#repository = repository
    this.#scope = pushScope(repository)
    this.#blob = blob
    this.#onProgress = onProgress
  }

  /** @returns whether the registry took it from there; otherwise it has perhaps begun an upload, which is used */
  async mount(from: string): Promise<boolean> {
    const query = `?mount=${encodeURIComponent(this.#blob.digest)}&from=${encodeURIComponent(from)}`
    const scope = `${this.#scope} repository:${from}:pull`
    const response = await this.#host
      .send(`${this.#repository}/blobs/uploads/${query}`, scope, { method: 'POST', headers: { 'content-length': '0' } })
      .catch((error: unknown) => {
        // A user who may not read the other repository can still upload.
        if (isUtsuwaError(error, 'REGISTRY_UNAUTHORIZED')) return undefined
        throw error
      })
    if (response === undefined) return false
    await readErrorBody(response)
    if (response.status === 202) this.#begun(response)
    return response.status === 201
  }

  async run(wantedChunkSize: number | undefined): Promise<void> {
    let chunkSize = wantedChunkSize
    for (let attempt = 0; ; attempt++) {
      try {
        if (this.#location === undefined) await this.#begin()
        return await this.#sendRest(chunkSize ?? this.#blob.size)
      } catch (error) {
        const interruption = interruptionOf(error)
        if (interruption === undefined) throw error
        if (attempt >= this.#client.retry.retries) throw interruption.error
        await this.#client.backOff(attempt, `upload blob ${this.#blob.digest}`, interruption.retryAfter)
        chunkSize ??= FALLBACK_CHUNK_SIZE
        await this.#findOffset()
      }
    }
  }

  async #begin(): Promise<void> {
    const path = `${this.#repository}/blobs/uploads/`
    const response = await this.#host.send(path, this.#scope, { method: 'POST', headers: { 'content-length': '0' } })
    const body = await readErrorBody(response)
    if (response.status !== 202) throw statusError(response, body, 'REGISTRY_ERROR')
    this.#begun(response)
  }

  #begun(response: Response): void {
    this.#offset = 0
    this.#minChunkSize = Number(response.header('oci-chunk-min-length') ?? 0) || 0
    this.#follow(response)
  }

  /** Every answer says where to send what comes next. */
  #follow(response: Response): void {
    const location = response.header('location')
    if (location !== undefined) this.#location = ledTo(response.url, location, 'upload')
    else if (this.#location === undefined) {
      throw new UtsuwaError('REGISTRY_ERROR', 'it does not say where to upload to', {
        operation: `upload blob ${this.#blob.digest}`,
      })
    }
  }

  async #sendRest(chunkSize: number): Promise<void> {
    const { size } = this.#blob
    const step = Math.max(chunkSize, this.#minChunkSize)
    while (size - this.#offset > step) await this.#sendChunk(this.#offset + step)
    // In chunks, the last one is sent like the others: not every registry takes bytes with the end.
    if (this.#offset > 0 && this.#offset < size) await this.#sendChunk(size)
    await this.#finish()
  }

  async #sendChunk(end: number): Promise<void> {
    const headers = { 'content-range': `${this.#offset}-${end - 1}` }
    const response = await this.#exchange(this.#location!, 'PATCH', this.#offset, end, headers)
    if (response.status !== 202) throw statusError(response, await readErrorBody(response), 'REGISTRY_ERROR')
    await readErrorBody(response)
    this.#offset = end
    this.#follow(response)
  }

  /** With the bytes that are not sent yet, if any. */
  async #finish(): Promise<void> {
    const { href, search } = this.#location!
    const { digest, size } = this.#blob
    const url = new URL(`${href}${search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`)
    const response = await this.#exchange(url, 'PUT', this.#offset, size)
    if (response.status !== 201) throw statusError(response, await readErrorBody(response), 'REGISTRY_ERROR')
    await readErrorBody(response)
  }

  async #exchange(
    url: URL,
    method: 'PATCH' | 'PUT',
    start: number,
    end: number,
    headers: Request['headers'] = {},
  ): Promise<Response> {
    const response = await this.#host.sendTo(url, this.#scope, {
      method,
      headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': String(end - start) },
      ...(start < end ? { body: () => this.#bytes(start, end) } : {}),
      retries: 0,
    })
    const { status } = response
    if (!isTransientStatus(status) && !RESUMABLE_STATUS.has(status)) return response
    const error = statusError(response, await readErrorBody(response), 'REGISTRY_ERROR')
    throw new Interruption(error, response.header('retry-after'))
  }

  #bytes(start: number, end: number): Readable {
    const { read } = this.#blob
    const onProgress = this.#onProgress
    async function* counted(): AsyncGenerator<Buffer> {
      let sent = start
      for await (const chunk of read(start, end) as AsyncIterable<Buffer>) {
        sent += chunk.length
        onProgress(sent)
        yield chunk
      }
    }
    return Readable.from(counted(), { objectMode: false })
  }

  /** What the registry has of an upload that was interrupted; one that it has given up is begun again. */
  async #findOffset(): Promise<void> {
    if (this.#location === undefined) return
    const response = await this.#host.sendTo(this.#location, this.#scope, {})
    await readErrorBody(response)
    const last = /^(?:bytes=)?0-(\d+)$/.exec(response.header('range') ?? '')?.[1]
    if (response.status !== 204 || last === undefined) {
      this.#location = undefined
      return
    }
    // distribution says 0-0 of an upload that has nothing, which is also what it says of one byte.
    this.#offset = last === '0' ? 0 : Number(last) + 1
    if (last === '0' || this.#offset > this.#blob.size) this.#location = undefined
    else this.#follow(response)
  }
}

function interruptionOf(error: unknown): Interruption | undefined {
  if (error instanceof Interruption) return error
  if (isUtsuwaError(error, 'REGISTRY_UNREACHABLE') && isTransientError(error.cause)) return new Interruption(error)
  return undefined
}
