/** HTTP requests as registries need them: retried, redirected without credentials, guarded against silence. */
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { UtsuwaError } from '../errors.ts'
import { isLoopback, redact, redirectTarget } from './endpoint.ts'
import { aborted, connectionError } from './errors.ts'
import { DEFAULT_RETRY, isTransientError, isTransientStatus, type RetryPolicy, retryDelay, wait } from './retry.ts'

export interface TransportOptions {
  signal?: AbortSignal
  retry?: Partial<RetryPolicy>
  /** Milliseconds without a byte after which a connection counts as dead. Default 30,000. */
  inactivityTimeout?: number
}

export interface Response {
  /** Where the answer came from, after redirects. */
  url: URL
  status: number
  /** A header by its lower-case name. */
  header(name: string): string | undefined
  body: Dispatcher.ResponseData['body']
}

/** What is for the first host of a request only. */
interface Sending {
  authorization?: string | undefined
  form?: URLSearchParams | undefined
}

const CONNECT_TIMEOUT = 15_000
const INACTIVITY_TIMEOUT = 30_000
const MAX_REDIRECTS = 5
/** Of a body that explains an error; what is longer helps nobody. */
const MAX_ERROR_BODY = 16 * 1024

export class Transport {
  readonly retry: RetryPolicy
  readonly signal: AbortSignal | undefined
  readonly #direct: Agent
  /** Honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly #proxied: EnvHttpProxyAgent | undefined

  constructor({ signal, retry, inactivityTimeout = INACTIVITY_TIMEOUT }: TransportOptions = {}) {
    this.signal = signal
    this.retry = { ...DEFAULT_RETRY, ...retry }
    const options = {
      connect: { timeout: CONNECT_TIMEOUT },
      headersTimeout: inactivityTimeout,
      bodyTimeout: inactivityTimeout,
      allowH2: false,
    }
    this.#direct = new Agent(options)
    this.#proxied = hasProxy() ? new EnvHttpProxyAgent(options) : undefined
  }

  /**
   * Sends a request until the answer is something else than "try again", following redirects: GET, or POST of `form`.
   *
   * `authorization` goes to the host of `url` alone, never to one it redirects to (CVE-2020-15157). The caller must
   * consume or discard the body.
   *
   * @throws UtsuwaError REGISTRY_UNREACHABLE, REGISTRY_ERROR (redirects), ABORTED
   */
  async send(url: URL, headers: Record<string, string>, { authorization, form }: Sending = {}): Promise<Response> {
    const operation = `${form === undefined ? 'GET' : 'POST'} ${redact(url)}`
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await this.#follow(url, headers, { authorization, form })
        if (attempt >= this.retry.retries || !isTransientStatus(response.status)) return response
        await readErrorBody(response)
        await wait(retryDelay(this.retry, attempt, response.header('retry-after')), this.signal)
      } catch (error) {
        if (this.signal?.aborted) throw aborted(this.signal, operation)
        if (attempt >= this.retry.retries || !isTransientError(error)) throw connectionError(url, error)
        await this.backOff(attempt, operation)
      }
    }
  }

  /** @throws UtsuwaError ABORTED */
  async backOff(attempt: number, operation: string): Promise<void> {
    await wait(retryDelay(this.retry, attempt), this.signal).catch(() => {
      throw aborted(this.signal, operation)
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.#direct.destroy(), this.#proxied?.destroy()])
  }

  async #follow(start: URL, headers: Record<string, string>, { authorization, form }: Sending): Promise<Response> {
    let url = start
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const mayAuthorize = authorization !== undefined && url.origin === start.origin
      const {
        statusCode,
        headers: answered,
        body,
      } = await request(url, {
        headers: mayAuthorize ? { ...headers, authorization } : headers,
        ...(form === undefined ? {} : { method: 'POST', body: form.toString() }),
        dispatcher: isLoopback(url.hostname) ? this.#direct : (this.#proxied ?? this.#direct),
        ...(this.signal === undefined ? {} : { signal: this.signal }),
      })
      const header = (name: string) => {
        const value = answered[name]
        return Array.isArray(value) ? value.join(', ') : value
      }
      const response: Response = { url, status: statusCode, header, body }
      const location = header('location')
      // A form holds a secret: like credentials, it is not sent anywhere else.
      if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined || form !== undefined)
        return response
      await readErrorBody(response)
      url = redirectTarget(url, location)
    }
    throw new UtsuwaError('REGISTRY_ERROR', `more than ${MAX_REDIRECTS} redirects`, {
      operation: `GET ${redact(start)}`,
    })
  }
}

function hasProxy(): boolean {
  return ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some(name => (process.env[name] ?? '') !== '')
}

/** The beginning of a body that explains an error. Frees the connection; never throws, as the error itself matters more. */
export async function readErrorBody({ body }: Response): Promise<string> {
  return readBounded(body, MAX_ERROR_BODY).then(
    bytes => (bytes ?? Buffer.alloc(0)).toString('utf8'),
    () => '',
  )
}

/** Closes the connection of an answer that nobody wants to read. */
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
