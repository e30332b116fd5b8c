/** From a 401 answer to an Authorization header: Basic, or a Bearer token from the service the registry names. */
import { UtsuwaError } from '../errors.ts'
import { type Credentials, findCredentials } from './credentials.ts'
import { isLoopback, redact } from './endpoint.ts'
import { statusError } from './errors.ts'
import { type Response, readBounded, readErrorBody, type Transport } from './transport.ts'

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

/** Answers the challenges of one registry, and remembers the tokens it got for each scope. */
export class Authenticator {
  readonly #registry: string
  readonly #endpoint: URL
  readonly #transport: Transport
  readonly #credentials: (registry: string) => Promise<Credentials | undefined>
  #found: Promise<Credentials | undefined> | undefined
  readonly #tokens = new Map<string, Promise<Token>>()
  /** The last successful header for a scope, tried first so that not every request pays for a 401. */
  readonly #headers = new Map<string, Token>()

  constructor(
    registry: string,
    endpoint: URL,
    transport: Transport,
    credentials: (registry: string) => Promise<Credentials | undefined> = findCredentials,
  ) {
    this.#registry = registry
    this.#endpoint = endpoint
    this.#transport = transport
    this.#credentials = credentials
  }

  /** The header known to work for this scope, if any. */
  known(scope: string): string | undefined {
    const token = this.#headers.get(scope)
    return token !== undefined && token.expires > Date.now() ? token.header : undefined
  }

  /**
   * The Authorization header that answers `header`, the WWW-Authenticate of a 401.
   *
   * @throws UtsuwaError REGISTRY_UNAUTHORIZED when there are no credentials for it or the token service refuses
   */
  async answer(header: string | undefined, scope: string): Promise<string> {
    const challenges = parseChallenges(header ?? '')
    const bearer = challenges.find(
      challenge => challenge.scheme === 'bearer' && challenge.parameters.realm !== undefined,
    )
    const token = bearer === undefined ? await this.#basic(challenges) : await this.#bearer(bearer, scope)
    this.#headers.set(scope, token)
    return token.header
  }

  async #basic(challenges: Challenge[]): Promise<Token> {
    const operation = `log in to registry ${this.#registry}`
    if (!challenges.some(({ scheme }) => scheme === 'basic')) {
      throw new UtsuwaError('REGISTRY_UNAUTHORIZED', 'it asks for no kind of authentication that utsuwa knows', {
        operation,
      })
    }
    const credentials = await this.#find()
    if (credentials?.kind !== 'password') {
      throw new UtsuwaError('REGISTRY_UNAUTHORIZED', 'it asks for a user name and password', {
        operation,
        hint: `no credentials for ${this.#registry} in ~/.docker/config.json`,
      })
    }
    return { header: basicHeader(credentials), expires: Number.POSITIVE_INFINITY }
  }

  #bearer({ parameters }: Challenge, scope: string): Promise<Token> {
    const url = this.#tokenUrl(parameters.realm!)
    if (parameters.service !== undefined) url.searchParams.set('service', parameters.service)
    url.searchParams.set('scope', parameters.scope ?? scope)
    // Three blobs at once ask for the same token once.
    let token = this.#tokens.get(url.href)
    if (token === undefined) {
      token = this.#fetchToken(url).finally(() => this.#tokens.delete(url.href))
      this.#tokens.set(url.href, token)
    }
    return token
  }

  /** Credentials go to this URL by the registry's word alone; plain text only where the registry itself is plain text. */
  #tokenUrl(realm: string): URL {
    const url = URL.parse(realm)
    const plainAllowed = this.#endpoint.protocol === 'http:' || (url !== null && isLoopback(url.hostname))
    if (url?.protocol === 'https:' || (url?.protocol === 'http:' && plainAllowed)) return url
    throw new UtsuwaError('REGISTRY_ERROR', `its token service ${JSON.stringify(realm)} is not an https URL`, {
      operation: `log in to registry ${this.#registry}`,
    })
  }

  async #fetchToken(url: URL): Promise<Token> {
    const credentials = await this.#find()
    const response = await this.#askForToken(url, credentials)
    if (response.status !== 200) {
      throw statusError(url, response.status, await readErrorBody(response), 'REGISTRY_ERROR')
    }
    const answer = parseTokenAnswer(await readBounded(response.body, MAX_TOKEN_SIZE))
    if (answer === undefined) {
      throw new UtsuwaError('REGISTRY_ERROR', 'its answer has no token', {
        operation: `GET ${redact(url)}`,
        path: redact(url),
      })
    }
    return { header: `Bearer ${answer.token}`, expires: Date.now() + answer.lifetime * 1000 - EXPIRY_MARGIN_MS }
  }

  #askForToken(url: URL, credentials: Credentials | undefined): Promise<Response> {
    const accept = { accept: 'application/json' }
    if (credentials?.kind !== 'identityToken') {
      return this.#transport.send(url, accept, { authorization: credentials && basicHeader(credentials) })
    }
    const form = new URLSearchParams(url.searchParams)
    form.set('grant_type', 'refresh_token')
    form.set('refresh_token', credentials.token)
    form.set('client_id', 'utsuwa')
    const headers = { ...accept, 'content-type': 'application/x-www-form-urlencoded' }
    return this.#transport.send(new URL(url.pathname, url), headers, { form })
  }

  #find(): Promise<Credentials | undefined> {
    this.#found ??= this.#credentials(this.#registry)
    return this.#found
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
