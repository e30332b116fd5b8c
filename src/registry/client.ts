/** The reading half of the OCI distribution specification: manifests, blobs, tags and referrers of one registry. */
import { isMismatch, UtsuwaError } from '../errors.ts'
import { formatReference, identifierOf, type Reference } from '../reference/reference.ts'
import {
  algorithmOf,
  type Descriptor,
  type Digest,
  digestOf,
  isDigest,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE,
} from '../spec/image.ts'
import type { FindCredentials } from './auth.ts'
import { hostsAfter, RegistryBlob } from './blob.ts'
import { findCredentials } from './credentials.ts'
import { redact } from './endpoint.ts'
import { aborted, afterMirrors, connectionError, fromHost, statusError } from './errors.ts'
import { type HostCapability, type HostOptions, hostsOf, type RegistryHost } from './hosts.ts'
import { type RateLimit, rateLimitOf } from './rate-limit.ts'
import { isTransientError } from './retry.ts'
import { type Answer, HostSession } from './session.ts'
import {
  type Request,
  type Response,
  readBounded,
  readErrorBody,
  Transport,
  type TransportOptions,
} from './transport.ts'

/** How a registry is spoken to, and as whom. */
export interface RegistryOptions extends TransportOptions, HostOptions {
  /** A file as docker and podman keep credentials in; the only one that is read. Default: theirs. */
  authFile?: string
  /** Looks credentials up instead of reading files. */
  credentials?: FindCredentials
}

export interface FetchedManifest {
  bytes: Buffer
  digest: Digest
  mediaType: string | undefined
}

/** Whom to ask, for what to be allowed, and what those have said who were asked before. */
interface Asked {
  readonly scope: string
  readonly hosts: readonly HostSession[]
  readonly complaints: readonly string[]
}

const ACCEPT = [MEDIA_TYPE.ociIndex, MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerList, MEDIA_TYPE.dockerManifest].join(
  ', ',
)

/** What a token must allow. */
export const pullScope = (repository: string) => `repository:${repository}:pull`
export const pushScope = (repository: string) => `repository:${repository}:pull,push`

export class RegistryClient implements AsyncDisposable {
  /** In the order in which they are asked. */
  readonly #sessions: readonly HostSession[]
  readonly #transport: Transport
  #rateLimit: RateLimit | undefined

  private constructor(hosts: readonly RegistryHost[], transport: Transport, credentials: FindCredentials) {
    this.#transport = transport
    this.#sessions = hosts.map(host => new HostSession(host, transport, credentials))
  }

  /**
   * @param registry host and optional port as in a reference
   * @throws UtsuwaError INVALID_SPEC, INVALID_ARGUMENT when what is configured for the registry is wrong
   */
  static async open(registry: string, options: RegistryOptions = {}): Promise<RegistryClient> {
    const { insecure, hostsDir, authFile, credentials, ...transport } = options
    const hosts = await hostsOf(registry, {
      insecure,
      hostsDir,
    })
    const find: FindCredentials = (name, repository) =>
      findCredentials(name, {
        repository,
        authFile,
      })
    return new RegistryClient(hosts, new Transport(transport), credentials ?? find)
  }

  /** What the registry last said of how much may still be pulled. */
  get rateLimit(): RateLimit | undefined {
    return this.#rateLimit
  }

  /**
   * Fetches the manifest or index that a reference names. The bytes are known to have the digest that is returned; where
   * the reference has one, it is that one.
   *
   * @throws UtsuwaError IMAGE_NOT_FOUND, DIGEST_MISMATCH, LIMIT_EXCEEDED, REGISTRY_*
   */
  async fetchManifest(reference: Reference): Promise<FetchedManifest> {
    const path = `${reference.repository}/manifests/${identifierOf(reference)}`
    const capability = reference.digest === undefined ? 'resolve' : 'pull'
    const headers = { accept: ACCEPT }
    let hosts = this.#able(capability)
    for (let before: readonly string[] = []; ; ) {
      const asked = { scope: pullScope(reference.repository), hosts, complaints: before }
      const { response, body, host, complaints } = await this.#readDocument(path, { headers }, asked)
      try {
        return this.#manifestIn(response, body, reference)
      } catch (error) {
        if (!isMismatch(error)) throw afterMirrors(error, complaints)
        const failure = fromHost(error, host)
        hosts = hostsAfter(host, hosts)
        if (hosts.length === 0) throw afterMirrors(failure, complaints)
        before = [...complaints, failure.message]
      }
    }
  }

  /** @throws UtsuwaError IMAGE_NOT_FOUND, DIGEST_MISMATCH, REGISTRY_* */
  #manifestIn(response: Response, bytes: Buffer, reference: Reference): FetchedManifest {
    const name = formatReference(reference)
    this.#rateLimit = rateLimitOf(response) ?? this.#rateLimit
    if (response.status === 404) {
      throw new UtsuwaError('IMAGE_NOT_FOUND', 'the registry has no such image', {
        operation: `pull ${name}`,
        path: redact(response.url),
      })
    }
    if (response.status !== 200) throw statusError(response, bytes.toString(), 'IMAGE_NOT_FOUND')
    const stated = response.header('docker-content-digest')
    const expected = reference.digest ?? (stated !== undefined && isDigest(stated) ? stated : undefined)
    const digest = digestOf(bytes, expected === undefined ? 'sha256' : algorithmOf(expected))
    if (expected !== undefined && digest !== expected) {
      throw new UtsuwaError('DIGEST_MISMATCH', `expected ${expected}, got ${digest}`, {
        operation: `fetch manifest of ${name}`,
      })
    }
    return { bytes, digest, mediaType: response.header('content-type')?.split(';')[0]?.trim() }
  }

  /**
   * The bytes of a blob as they arrive, resumed where the connection breaks. Never more than the descriptor says, never
   * fewer without an error; their digest is for the receiver to check. A host whose bytes were wrong is not asked again.
   *
   * `read` throws UtsuwaError SIZE_MISMATCH, IMAGE_NOT_FOUND, REGISTRY_*.
   */
  blobReader(repository: string, descriptor: Descriptor): RegistryBlob {
    return new RegistryBlob(descriptor, this.#able('pull'), {
      ask: (headers, hosts, complaints, failures) => {
        const asked = { scope: pullScope(repository), hosts, complaints }
        return this.#ask(`${repository}/blobs/${descriptor.digest}`, { headers }, asked, failures)
      },
      retry: this.#transport.retry,
      backOff: attempt => this.#transport.backOff(attempt, `fetch blob ${descriptor.digest}`),
      aborted: () => this.#transport.signal?.aborted ?? false,
    })
  }

  /**
   * A small blob whole, its digest verified.
   *
   * @throws UtsuwaError SIZE_MISMATCH, DIGEST_MISMATCH, IMAGE_NOT_FOUND, REGISTRY_*
   */
  async fetchBlob(repository: string, descriptor: Descriptor): Promise<Buffer> {
    const reader = this.blobReader(repository, descriptor)
    for (;;) {
      try {
        const bytes = Buffer.concat(await Array.fromAsync(reader.read(0)))
        const digest = digestOf(bytes, algorithmOf(descriptor.digest))
        if (digest === descriptor.digest) return bytes
        throw new UtsuwaError('DIGEST_MISMATCH', `expected ${descriptor.digest}, got ${digest}`, {
          operation: `fetch blob ${descriptor.digest}`,
        })
      } catch (error) {
        const failure = reader.failed(error)
        if (failure !== undefined) throw failure
      }
    }
  }

  /**
   * Reads a document whole, again where the connection breaks in the middle of it.
   *
   * @throws UtsuwaError LIMIT_EXCEEDED, REGISTRY_*, ABORTED
   */
  readDocument(
    capability: HostCapability,
    path: string,
    scope: string,
    sent: Request = {},
  ): Promise<{ response: Response; body: Buffer }> {
    return this.#readDocument(path, sent, { scope, hosts: this.#able(capability), complaints: [] })
  }

  async #readDocument(path: string, sent: Request, asked: Asked): Promise<Answer & { body: Buffer }> {
    const operation = `GET ${path}`
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#ask(path, sent, asked, attempt)
      const { response } = answer
      try {
        if (response.status !== 200) return { ...answer, body: Buffer.from(await readErrorBody(response)) }
        const body = await readBounded(response.body, MAX_MANIFEST_SIZE)
        if (body !== undefined) return { ...answer, body }
        throw new UtsuwaError('LIMIT_EXCEEDED', `more than ${MAX_MANIFEST_SIZE} bytes`, { operation })
      } catch (error) {
        if (this.#transport.signal?.aborted) throw aborted(this.#transport.signal, operation)
        if (attempt >= this.retry.retries || !isTransientError(error)) throw connectionError(response.url, error)
      }
      await this.backOff(attempt, operation)
    }
  }

  /**
   * Asks hosts one after the other: a mirror that does not answer, or has not what is asked for, is passed over at once,
   * and only the last host is asked again and again.
   *
   * @param skip so many hosts, which have failed before
   * @throws UtsuwaError REGISTRY_*, ABORTED
   */
  async #ask(path: string, sent: Request, { scope, hosts, complaints }: Asked, skip: number): Promise<Answer> {
    const all = [...complaints]
    for (const session of hosts.slice(skip, -1)) {
      try {
        const response = await session.send(path, scope, { ...sent, retries: 0 })
        if (response.status < 300) return { response, host: session.host, complaints: all }
        all.push(statusError(response, await readErrorBody(response), 'IMAGE_NOT_FOUND').message)
      } catch (error) {
        if (this.#transport.signal?.aborted) throw aborted(this.#transport.signal, `GET ${path}`)
        all.push(error instanceof Error ? error.message : String(error))
      }
    }
    const last = hosts.at(-1)!
    const response = await last.send(path, scope, sent).catch((error: unknown) => {
      throw afterMirrors(error, all)
    })
    return { response, host: last.host, complaints: all }
  }

  /**
   * Stores a manifest under a tag or its digest; what it refers to must be there.
   *
   * @returns whether the registry has taken note of the manifest's subject by itself
   * @throws UtsuwaError REGISTRY_*, DIGEST_MISMATCH
   */
  async pushManifest(
    repository: string,
    identifier: string,
    { bytes, digest, mediaType }: FetchedManifest,
  ): Promise<boolean> {
    const path = `${repository}/manifests/${identifier}`
    const headers = { 'content-type': mediaType ?? MEDIA_TYPE.ociManifest }
    const response = await this.writable.send(path, pushScope(repository), {
      method: 'PUT',
      headers,
      body: () => bytes,
    })
    const body = await readErrorBody(response)
    if (response.status !== 201) throw statusError(response, body, 'REGISTRY_ERROR')
    const stored = response.header('docker-content-digest')
    if (stored === undefined || stored === digest || algorithmOf(stored as Digest) !== algorithmOf(digest))
      return response.header('oci-subject') !== undefined
    throw new UtsuwaError('DIGEST_MISMATCH', `sent ${digest}, the registry has ${stored}`, {
      operation: `push manifest ${identifier}`,
    })
  }

  /**
   * Asks whether the registry knows us.
   *
   * @throws UtsuwaError REGISTRY_UNAUTHORIZED, REGISTRY_*
   */
  async checkAccess(): Promise<void> {
    const response = await this.#sessions.at(-1)!.send('', '')
    const body = await readErrorBody(response)
    if (response.status !== 200) throw statusError(response, body, 'REGISTRY_ERROR')
  }

  /** The host that takes what is pushed. @throws UtsuwaError UNSUPPORTED where none is configured for it */
  get writable(): HostSession {
    return this.#able('push').at(-1)!
  }

  get retry(): Transport['retry'] {
    return this.#transport.retry
  }

  /** @throws UtsuwaError ABORTED */
  backOff(attempt: number, operation: string, retryAfter?: string): Promise<void> {
    return this.#transport.backOff(attempt, operation, retryAfter)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close()
  }

  #able(capability: HostCapability): readonly HostSession[] {
    const able = this.#sessions.filter(({ host }) => host.can.has(capability))
    if (able.length > 0) return able
    throw new UtsuwaError('UNSUPPORTED', `hosts.toml has no host for it that can ${capability}`, {
      operation: 'ask the registry',
    })
  }
}
