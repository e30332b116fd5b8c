/** One blob as one stream of bytes, over as many connections as it takes. */
import { UtsuwaError } from '../errors.ts'
import type { Descriptor } from '../spec/image.ts'
import { redact } from './endpoint.ts'
import { aborted, connectionError, statusError } from './errors.ts'
import { isTransientError, type RetryPolicy } from './retry.ts'
import { discard, type Response, readErrorBody } from './transport.ts'

export interface BlobSource {
  /** @param failures how many attempts in a row have brought nothing */
  get(headers: Record<string, string>, failures: number): Promise<Response>
  retry: RetryPolicy
  backOff(attempt: number): Promise<void>
  aborted(): boolean
}

/** A registry that ignores Range and breaks again and again would make the transfer quadratic. */
const MAX_RESTARTS = 3

/** @param offset bytes that the receiver has already */
export async function* readBlob(
  source: BlobSource,
  { digest, size }: Descriptor,
  offset: number,
): AsyncGenerator<Buffer> {
  const operation = `fetch blob ${digest}`
  let received = offset
  let fruitless = 0
  let restarts = 0
  for (;;) {
    const before = received
    let url: URL | undefined
    try {
      const response = await source.get(received === 0 ? {} : { range: `bytes=${received}-` }, fruitless)
      url = response.url
      let skip = await startOf(response, received, size, operation)
      if (skip > 0 && ++restarts > MAX_RESTARTS) {
        discard(response)
        throw new UtsuwaError('REGISTRY_ERROR', 'the connection keeps breaking and the registry cannot resume', {
          operation,
        })
      }
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - fresh.length
        if (fresh.length === 0) continue
        received += fresh.length
        if (received > size) throw sizeMismatch(operation, `more than the ${size} bytes of its descriptor`)
        yield fresh
      }
      if (received === size) return
      // The end came without an error: a chunked body, cut off by a proxy, looks like this.
      if (received === before) throw sizeMismatch(operation, `${received} bytes, its descriptor says ${size}`)
    } catch (error) {
      if (source.aborted()) throw aborted(undefined, operation)
      // Without a URL the request itself failed, for the last time.
      if (url === undefined) throw error
      if (!isTransientError(error)) throw connectionError(url, error)
      fruitless = received > before ? 0 : fruitless + 1
      if (fruitless > source.retry.retries) throw connectionError(url, error)
    }
    await source.backOff(fruitless)
  }
}

/**
 * Checks that an answer carries the bytes asked for.
 *
 * @returns how many bytes of it were received before: a registry may ignore Range and send everything again
 */
async function startOf(response: Response, offset: number, size: number, operation: string): Promise<number> {
  const { status, url } = response
  if (status !== 200 && status !== 206) {
    throw statusError(response, await readErrorBody(response), 'IMAGE_NOT_FOUND')
  }
  const length = response.header('content-length')
  const expected = status === 206 ? size - offset : size
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.header('content-range') ?? '')
  const wrongRange =
    status === 206 && (range === null || Number(range[1]) !== offset || (range[2] !== '*' && Number(range[2]) !== size))
  if (wrongRange) {
    discard(response)
    throw new UtsuwaError('REGISTRY_ERROR', `asked for bytes from ${offset}, got ${response.header('content-range')}`, {
      operation,
      path: redact(url),
    })
  }
  if (length !== undefined && Number(length) !== expected) {
    discard(response)
    throw sizeMismatch(
      operation,
      `the registry has ${Number(length) + (status === 206 ? offset : 0)} bytes, its descriptor says ${size}`,
    )
  }
  return status === 200 ? offset : 0
}

function sizeMismatch(operation: string, reason: string): UtsuwaError {
  return new UtsuwaError('SIZE_MISMATCH', reason, { operation })
}
