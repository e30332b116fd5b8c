/** From a 401 answer to an Authorization header: Basic, or a Bearer token from the service the registry names. */
import { UtsuwaError } from '../errors.ts'
import type { Credentials } from './credentials.ts'
import { isLoopback, ledTo, redact } from './endpoint.ts'
import { connectionError, statusError } from './errors.ts'
import type { RegistryHost } from './hosts.ts'
import { elsewhere, type Response, readBounded, readErrorBody, type Transport } from './transport.ts'

export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  scheme: string
  /** Names in lower case. */
  parameters: Record<string, string>
}

interface Token {
  header: string
  /** Milliseconds since the epoch. */
  expires: number
}

const MAX_TOKEN_SIZE = 1024 * 1024
/** What a token service that names no lifetime means (distribution's token specification). */
const DEFAULT_LIFETIME_S = 60
/** A token is renewed this long before it ends, so that it does not end under way. */
const EXPIRY_MARGIN_MS = 10_000

/** Splits a WWW-Authenticate header (RFC 9110 §11.6.1), which may hold several challenges. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = []
  const token = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?[\s,]*/gy
  for (const [, name = '', quoted, plain] of header.trim().matchAll(token)) {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: Object.create(null) })
    else {
      const current = challenges.at(-1)
      if (current !== undefined) current.parameters[name.toLowerCase()] = value
    }
  }
  return challenges
}

/** Looks credentials up: for anonymous access there are none. */
export type FindCredentials = (registry: string, repository?: string) => Promise<Credentials | undefined>

/** Answers the challenges of one host, and remembers the tokens it got for each scope. */
export class Authenticator {
  readonly #host: RegistryHost
  readonly #transport: Transport
  readonly #credentials: FindCredentials
  /** By repository: some have their own. */
  readonly #found = new Map<string, Promise<Credentials | undefined>>()
  readonly #tokens = new Map<string, Promise<Token>>()
  /** The last header for a scope, tried first so that not every request pays for a 401. */
  readonly #headers = new Map<string, Token>()

  constructor(host: RegistryHost, transport: Transport, credentials: FindCredentials) {
    this.#host = host
    this.#transport = transport
    this.#credentials = credentials
  }

  /** The header known to work for this scope, if any. */
  known(scope: string): string | undefined {
    const token = this.#headers.get(scope)
    return token !== undefined && token.expires > Date.now() ? token.header : undefined
  }

  /**
   * The Authorization header that answers a 401.
   *
   * @throws UtsuwaError REGISTRY_UNAUTHORIZED when there are no credentials for it or the token service refuses
   */
  async answer({ url, header }: Response, scope: string): Promise<string> {
    const challenges = parseChallenges(header('www-authenticate') ?? '')
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.realm !== undefined)
    const token =
      bearer === undefined ? await this.#basic(challenges, scope) : await this.#bearer(bearer.parameters, scope, url)
    this.#headers.set(scope, token)
    return token.header
  }

  async #basic(challenges: Challenge[], scope: string): Promise<Token> {
    const { name } = this.#host
    const operation = `log in to registry ${name}`
    if (!challenges.some(({ scheme }) => scheme === 'basic')) {
      throw new UtsuwaError('REGISTRY_UNAUTHORIZED', 'it asks for no kind of authentication that utsuwa knows', {
        operation,
      })
    }
    const credentials = await this.#find(scope)
    if (credentials?.kind !== 'password') {
      throw new UtsuwaError('REGISTRY_UNAUTHORIZED', 'it asks for a user name and password', {
        operation,
        hint: `utsuwa login ${name}`,
      })
    }
    return { header: basicHeader(credentials), expires: Number.POSITIVE_INFINITY }
  }

  #bearer(parameters: Challenge['parameters'], scope: string, registry: URL): Promise<Token> {
    // Credentials go to this URL by the registry's word alone.
    const url = ledTo(registry, parameters.realm!, 'token service')
    if (parameters.service !== undefined) url.searchParams.set('service', parameters.service)
    for (const one of (parameters.scope ?? scope).split(' ').filter(Boolean)) url.searchParams.append('scope', one)
    // Three blobs at once ask for the same token once.
    let token = this.#tokens.get(url.href)
    if (token === undefined) {
      token = this.#fetchToken(url, scope, !isLoopback(registry.hostname)).finally(() => this.#tokens.delete(url.href))
      this.#tokens.set(url.href, token)
    }
    return token
  }

  async #fetchToken(url: URL, scope: string, ledThere: boolean): Promise<Token> {
    const credentials = await this.#find(scope)
    const response = await this.#askForToken(url, credentials, ledThere)
    if (response.status !== 200) {
      throw statusError(response, await readErrorBody(response), 'REGISTRY_ERROR')
    }
    const body = await readBounded(response.body, MAX_TOKEN_SIZE).catch((error: unknown) => {
      throw connectionError(url, error)
    })
    const answer = parseTokenAnswer(body)
    if (answer === undefined) {
      throw new UtsuwaError('REGISTRY_ERROR', 'its answer has no token', {
        operation: `${response.method} ${redact(url)}`,
        path: redact(url),
      })
    }
    return { header: `Bearer ${answer.token}`, expires: Date.now() + answer.lifetime * 1000 - EXPIRY_MARGIN_MS }
  }

  #askForToken(url: URL, credentials: Credentials | undefined, ledThere: boolean): Promise<Response> {
    const accept = { accept: 'application/json' }
    const tls = url.host === this.#host.root.host ? this.#host.tls : elsewhere(this.#host.tls)
    if (credentials?.kind !== 'identityToken') {
      const ownHeaders = credentials === undefined ? {} : { authorization: basicHeader(credentials) }
      return this.#transport.send(url, { headers: accept, ownHeaders, tls, ledThere })
    }
    // In a form, because a URL is written into logs.
    const form = new URLSearchParams(url.searchParams)
    form.delete('scope')
    form.set('scope', url.searchParams.getAll('scope').join(' '))
    form.set('grant_type', 'refresh_token')
    form.set('refresh_token', credentials.token)
    form.set('client_id', 'utsuwa')
    const headers = { ...accept, 'content-type': 'application/x-www-form-urlencoded' }
    const body = () => form.toString()
    return this.#transport.send(new URL(url.pathname, url), { method: 'POST', headers, body, tls, ledThere })
  }

  /** @param scope of which the first repository counts */
  #find(scope: string): Promise<Credentials | undefined> {
    const repository = /^repository:([^:]*):/.exec(scope)?.[1]
    const key = repository ?? ''
    let found = this.#found.get(key)
    if (found === undefined) {
      found = this.#credentials(this.#host.name, repository)
      this.#found.set(key, found)
    }
    return found
  }
}

function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** `lifetime` in seconds. */
function parseTokenAnswer(body: Buffer | undefined): { token: string; lifetime: number } | undefined {
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown }
  try {
    answer = JSON.parse(body?.toString('utf8') ?? '')
  } catch {
    return undefined // Reported by the caller, with the URL.
  }
  const token = answer?.token ?? answer?.access_token
  // A line break in it would become a header of its own.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined
  const lifetime = typeof answer.expires_in === 'number' ? answer.expires_in : DEFAULT_LIFETIME_S
  return { token, lifetime: Math.max(lifetime, DEFAULT_LIFETIME_S) }
}
