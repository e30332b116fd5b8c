/** One blob as one stream of bytes, over as many connections as it takes. */
import { isMismatch, UtsuwaError } from '../errors.ts'
import type { Descriptor } from '../spec/image.ts'
import { redact } from './endpoint.ts'
import { aborted, afterMirrors, connectionError, fromHost, statusError } from './errors.ts'
import type { RegistryHost } from './hosts.ts'
import { isTransientError, type RetryPolicy } from './retry.ts'
import type { Answer, HostSession } from './session.ts'
import { discard, type Response, readErrorBody } from './transport.ts'

/** Those that have not had their turn: what is before `host` has not answered. */
export function hostsAfter(host: RegistryHost, hosts: readonly HostSession[]): readonly HostSession[] {
  return hosts.slice(hosts.findIndex(session => session.host === host) + 1)
}

/** How the hosts of a registry are asked for a blob. */
export interface BlobRequests {
  /**
   * @param complaints what was said by those who are not asked any more
   * @param failures how many attempts in a row have brought nothing
   */
  ask(
    headers: Record<string, string>,
    hosts: readonly HostSession[],
    complaints: readonly string[],
    failures: number,
  ): Promise<Answer>
  retry: RetryPolicy
  backOff(attempt: number): Promise<void>
  aborted(): boolean
}

interface BlobSource extends Omit<BlobRequests, 'ask'> {
  get(headers: Record<string, string>, failures: number): Promise<Response>
}

/** One blob, from whichever host of its registry has the right bytes. */
export class RegistryBlob {
  readonly #descriptor: Descriptor
  readonly #requests: BlobRequests
  #hosts: readonly HostSession[]
  #complaints: readonly string[] = []
  /** The one whose bytes come first. */
  #answered: Answer | undefined

  constructor(descriptor: Descriptor, hosts: readonly HostSession[], requests: BlobRequests) {
    this.#descriptor = descriptor
    this.#hosts = hosts
    this.#requests = requests
  }

  get hasOthers(): boolean {
    return this.#hosts.length > 1
  }

  /** @param offset bytes that the receiver has already */
  read(offset = 0): AsyncGenerator<Buffer> {
    this.#answered = undefined
    const get = async (headers: Record<string, string>, failures: number) => {
      const answer = await this.#requests.ask(headers, this.#hosts, this.#complaints, failures)
      this.#answered ??= answer
      return answer.response
    }
    return readBlob({ ...this.#requests, get }, this.#descriptor, offset)
  }

  /**
   * Takes note that what was read is wrong: the host that it came from is not asked again.
   *
   * @returns what to fail with; undefined where another host is left
   */
  failed(error: unknown): unknown {
    if (!isMismatch(error) || this.#answered === undefined) return error
    const { host, complaints } = this.#answered
    const failure = fromHost(error, host)
    // Where two have given a part each, the second is asked for all of it, and has its turn to be wrong.
    this.#hosts = hostsAfter(host, this.#hosts)
    if (this.#hosts.length === 0) return afterMirrors(failure, complaints)
    this.#complaints = [...complaints, failure.message]
    return undefined
  }
}

/** A registry that ignores Range and breaks again and again would make the transfer quadratic. */
const MAX_RESTARTS = 3

/** @param offset bytes that the receiver has already */
async function* readBlob(source: BlobSource, { digest, size }: Descriptor, offset: number): AsyncGenerator<Buffer> {
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
