/** HTTP requests as registries need them: retried, redirected without credentials, guarded against silence. */
import type { Readable } from 'node:stream'
import { UtsuwaError } from '../errors.ts'
import { DEFAULT_TLS, type TlsSettings } from './certificates.ts'
import { type ConnectionOptions, Connections } from './connections.ts'
import { isLoopback, ledTo, redact } from './endpoint.ts'
import { aborted, connectionError } from './errors.ts'
import { DEFAULT_RETRY, isTransientError, isTransientStatus, type RetryPolicy, retryDelay, wait } from './retry.ts'
import { type ResponseData, request } from './undici.ts'

export interface TransportOptions extends ConnectionOptions {
  signal?: AbortSignal
  retry?: Partial<RetryPolicy>
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Request {
  /** Default GET. */
  readonly method?: Method
  readonly headers?: Readonly<Record<string, string>>
  /** For the host of the URL alone, never for one that it redirects to: credentials (CVE-2020-15157). */
  readonly ownHeaders?: Readonly<Record<string, string>>
  /** Made anew for each attempt. */
  readonly body?: () => string | Buffer | Readable
  /** Attempts after the first one. Default: what the policy says. */
  readonly retries?: number
  readonly tls?: TlsSettings
  /** The URL is a registry's word: it must not lead into this machine. Default false. */
  readonly ledThere?: boolean
}

export interface Response {
  readonly method: Method
  /** Where the answer came from, after redirects. */
  readonly url: URL
  readonly status: number
  /** A header by its lower-case name. */
  header(name: string): string | undefined
  readonly body: ResponseData['body']
}

const MAX_REDIRECTS = 5
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Bytes read of a body that explains an error; longer ones do not help. */
const MAX_ERROR_BODY = 16 * 1024

export class Transport {
  readonly retry: RetryPolicy
  readonly signal: AbortSignal | undefined
  readonly #connections: Connections

  constructor({ signal, retry, ...connections }: TransportOptions = {}) {
    this.signal = signal
    this.retry = { ...DEFAULT_RETRY, ...retry }
    this.#connections = new Connections(connections)
  }

  /**
   * Sends a request until the answer is something else than "try again". Redirects of GET and HEAD are followed; a body
   * is not sent anywhere else. The caller must consume or discard the answer's body.
   *
   * @throws UtsuwaError REGISTRY_UNREACHABLE, REGISTRY_ERROR (redirects), ABORTED
   */
  async send(url: URL, sent: Request = {}): Promise<Response> {
    const operation = `${sent.method ?? 'GET'} ${redact(url)}`
    const { retries = this.retry.retries } = sent
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await this.#follow(url, sent)
        if (attempt >= retries || !isTransientStatus(response.status)) return response
        await readErrorBody(response)
        await this.backOff(attempt, operation, response.header('retry-after'))
      } catch (error) {
        if (this.signal?.aborted) throw aborted(this.signal, operation)
        if (attempt >= retries || !isTransientError(error)) throw connectionError(url, error)
        await this.backOff(attempt, operation)
      }
    }
  }

  /** @throws UtsuwaError ABORTED */
  async backOff(attempt: number, operation: string, retryAfter?: string): Promise<void> {
    await wait(retryDelay(this.retry, attempt, retryAfter), this.signal).catch(() => {
      throw aborted(this.signal, operation)
    })
  }

  async close(): Promise<void> {
    await this.#connections.close()
  }

  async #follow(start: URL, sent: Request): Promise<Response> {
    const { method = 'GET' } = sent
    let url = start
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await this.#exchange(url, start, sent)
      const location = response.header('location')
      const isRead = method === 'GET' || method === 'HEAD'
      if (!isRead || !REDIRECTS.has(response.status) || location === undefined) return response
      await readErrorBody(response)
      url = ledTo(url, location, 'redirect')
    }
    throw new UtsuwaError('REGISTRY_ERROR', `more than ${MAX_REDIRECTS} redirects`, {
      operation: `${method} ${redact(start)}`,
    })
  }

  async #exchange(url: URL, start: URL, sent: Request): Promise<Response> {
    const { method = 'GET', headers, ownHeaders, body, tls = DEFAULT_TLS, ledThere = false } = sent
    const isStart = url.origin === start.origin
    const purpose = isStart ? { tls, ledThere } : { tls: elsewhere(tls), ledThere: !isLoopback(start.hostname) }
    const {
      statusCode,
      headers: answered,
      body: content,
    } = await request(url, {
      method,
      headers: { 'user-agent': 'utsuwa', ...headers, ...(isStart ? ownHeaders : {}) },
      body: body?.() ?? null,
      dispatcher: this.#connections.to(url, purpose),
      signal: this.signal ?? null,
    })
    const header = (name: string) => {
      const value = answered[name]
      return Array.isArray(value) ? value.join(', ') : value
    }
    return { method, url, status: statusCode, header, body: content }
  }
}

const withoutClient = new WeakMap<TlsSettings, TlsSettings>()

/**
 * What counts for hosts that a registry leads to: its authorities do, since token services and storage often have their
 * certificates from the same one; this machine shows its own certificate to the registry alone.
 */
export function elsewhere(tls: TlsSettings): TlsSettings {
  if (tls.client === undefined) return tls
  let known = withoutClient.get(tls)
  if (known === undefined) {
    known = { authorities: tls.authorities, verify: tls.verify }
    withoutClient.set(tls, known)
  }
  return known
}

/** The beginning of a body that explains an error. Frees the connection; never throws, as the error itself matters more. */
export async function readErrorBody({ body }: Response): Promise<string> {
  return readBounded(body, MAX_ERROR_BODY).then(
    bytes => (bytes ?? Buffer.alloc(0)).toString('utf8'),
    () => '',
  )
}

/** Closes the connection of an answer that is not read. */
export function discard({ body }: Response): void {
  // undici reports the destruction as an error of the body.
  body.on('error', () => undefined).destroy()
}

/** The whole body, or undefined (and a closed connection) when it is longer than `limit` bytes. */
export async function readBounded(body: Response['body'], limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
