/** One host of a registry: where it answers, and who we are to it. */

import { isUtsuwaError } from '../errors.ts'
import { Authenticator, type FindCredentials } from './auth.ts'
import { isLoopback } from './endpoint.ts'
import type { RegistryHost } from './hosts.ts'
import { elsewhere, type Request, type Response, readErrorBody, type Transport } from './transport.ts'

/** An answer, and the host that was asked: where it comes from, a redirect may have decided. */
export interface Answer {
  readonly response: Response
  readonly host: RegistryHost
  /** What those have said who were asked before. */
  readonly complaints: readonly string[]
}

export class HostSession {
  readonly host: RegistryHost
  readonly #transport: Transport
  readonly #authenticator: Authenticator
  #root: URL
  /** Where to go when nothing answers at `#root`; unset as soon as something has answered. */
  #plainRoot: URL | undefined

  constructor(host: RegistryHost, transport: Transport, credentials: FindCredentials) {
    this.host = host
    this.#transport = transport
    this.#authenticator = new Authenticator(host, transport, credentials)
    this.#root = host.root
    this.#plainRoot = host.plainRoot
  }

  /**
   * Sends a request, authorized when the host asks for it.
   *
   * @param path below the API's root: `library/alpine/manifests/latest`
   * @param scope what it needs to be allowed: `repository:library/alpine:pull`
   */
  async send(path: string, scope: string, sent: Request = {}): Promise<Response> {
    const plainRoot = this.#plainRoot
    if (plainRoot === undefined) return this.#authorized(this.#urlOf(path), scope, sent)
    try {
      const response = await this.#authorized(this.#urlOf(path), scope, { ...sent, retries: 0 })
      this.#plainRoot = undefined
      return response
    } catch (error) {
      if (!isUtsuwaError(error, 'REGISTRY_UNREACHABLE')) throw error
      const response = await this.#authorized(this.#urlOf(path, plainRoot), scope, sent)
      this.#root = plainRoot
      this.#plainRoot = undefined
      return response
    }
  }

  /** Sends a request to a URL that an answer of this host has led to; credentials go there only if it is this host. */
  async sendTo(url: URL, scope: string, sent: Request): Promise<Response> {
    if (url.origin === this.#root.origin) return this.#authorized(url, scope, sent)
    const ledThere = !isLoopback(this.#root.hostname)
    return this.#transport.send(url, { ...sent, tls: elsewhere(this.host.tls), ledThere })
  }

  async #authorized(url: URL, scope: string, sent: Request): Promise<Response> {
    const send = (authorization: string | undefined) =>
      this.#transport.send(url, {
        ...sent,
        tls: this.host.tls,
        ownHeaders: { ...this.host.headers, ...(authorization === undefined ? {} : { authorization }) },
      })
    const response = await send(this.#authenticator.known(scope))
    // A challenge by the host of a redirect is ignored: the server that it names would get the registry's credentials.
    if (response.status !== 401 || response.url.origin !== url.origin) return response
    await readErrorBody(response)
    return send(await this.#authenticator.answer(response, scope))
  }

  #urlOf(path: string, root = this.#root): URL {
    const url = new URL(path, root)
    if (this.host.mirrorOf !== undefined) url.searchParams.set('ns', this.host.mirrorOf)
    return url
  }
}
