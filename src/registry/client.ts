/** The pull half of the OCI distribution specification: manifests and blobs of one registry. */
import { UtsuwaError } from '../errors.ts'
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
import { Authenticator } from './auth.ts'
import { type BlobSource, readBlob } from './blob.ts'
import type { Credentials } from './credentials.ts'
import { endpointOf, redact } from './endpoint.ts'
import { statusError } from './errors.ts'
import { type Response, readBounded, readErrorBody, Transport, type TransportOptions } from './transport.ts'

export interface RegistryOptions extends TransportOptions {
  /** Speak plain HTTP to hosts other than loopback. Default false. */
  insecure?: boolean
  /** Looks credentials up; the default reads docker's and podman's files. */
  credentials?: (registry: string) => Promise<Credentials | undefined>
}

export interface FetchedManifest {
  bytes: Buffer
  digest: Digest
  mediaType: string | undefined
}

const ACCEPT = [MEDIA_TYPE.ociIndex, MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerList, MEDIA_TYPE.dockerManifest].join(
  ', ',
)

export class RegistryClient implements AsyncDisposable {
  readonly #endpoint: URL
  readonly #transport: Transport
  readonly #authenticator: Authenticator

  constructor(registry: string, { insecure = false, credentials, ...transport }: RegistryOptions = {}) {
    this.#endpoint = endpointOf(registry, insecure)
    this.#transport = new Transport(transport)
    this.#authenticator = new Authenticator(registry, this.#endpoint, this.#transport, credentials)
  }

  /**
   * Fetches the manifest or index that a reference names. The bytes are known to have the digest that is returned; where
   * the reference has one, it is that one.
   *
   * @throws UtsuwaError IMAGE_NOT_FOUND, DIGEST_MISMATCH, LIMIT_EXCEEDED, REGISTRY_*
   */
  async fetchManifest(reference: Reference): Promise<FetchedManifest> {
    const name = formatReference(reference)
    const url = new URL(`/v2/${reference.repository}/manifests/${identifierOf(reference)}`, this.#endpoint)
    const response = await this.#get(url, reference.repository, { accept: ACCEPT })
    if (response.status === 404) {
      await readErrorBody(response)
      throw new UtsuwaError('IMAGE_NOT_FOUND', 'the registry has no such image', {
        operation: `pull ${name}`,
        path: redact(url),
      })
    }
    if (response.status !== 200)
      throw statusError(url, response.status, await readErrorBody(response), 'IMAGE_NOT_FOUND')
    const bytes = await readBounded(response.body, MAX_MANIFEST_SIZE)
    if (bytes === undefined) {
      throw new UtsuwaError('LIMIT_EXCEEDED', `more than ${MAX_MANIFEST_SIZE} bytes`, {
        operation: `fetch manifest of ${name}`,
      })
    }
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
   * fewer without an error; their digest is for the receiver to check.
   *
   * @throws UtsuwaError SIZE_MISMATCH, IMAGE_NOT_FOUND, REGISTRY_*
   */
  readBlob(repository: string, descriptor: Descriptor): AsyncGenerator<Buffer> {
    const url = new URL(`/v2/${repository}/blobs/${descriptor.digest}`, this.#endpoint)
    const source: BlobSource = {
      url,
      get: headers => this.#get(url, repository, headers),
      retry: this.#transport.retry,
      backOff: attempt => this.#transport.backOff(attempt, `GET ${redact(url)}`),
      aborted: () => this.#transport.signal?.aborted ?? false,
    }
    return readBlob(source, descriptor)
  }

  /**
   * A small blob whole, its digest verified.
   *
   * @throws UtsuwaError as readBlob, and DIGEST_MISMATCH
   */
  async fetchBlob(repository: string, descriptor: Descriptor): Promise<Buffer> {
    const bytes = Buffer.concat(await Array.fromAsync(this.readBlob(repository, descriptor)))
    const digest = digestOf(bytes, algorithmOf(descriptor.digest))
    if (digest === descriptor.digest) return bytes
    throw new UtsuwaError('DIGEST_MISMATCH', `expected ${descriptor.digest}, got ${digest}`, {
      operation: `fetch blob ${descriptor.digest}`,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close()
  }

  async #get(url: URL, repository: string, headers: Record<string, string>): Promise<Response> {
    const scope = `repository:${repository}:pull`
    const known = this.#authenticator.known(scope)
    const response = await this.#transport.send(url, headers, { authorization: known })
    if (response.status !== 401) return response
    await readErrorBody(response)
    const authorization = await this.#authenticator.answer(response.header('www-authenticate'), scope)
    return this.#transport.send(url, headers, { authorization })
  }
}
