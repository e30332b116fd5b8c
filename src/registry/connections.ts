/** Connections: through proxies, with certificates, and not to where a registry must not lead. */
import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { createSecureContext, rootCertificates } from 'node:tls'
import { UtsuwaError } from '../errors.ts'
import type { TlsSettings } from './certificates.ts'
import { isLocalAddress, isLoopback } from './endpoint.ts'
import { Agent, type Dispatcher, EnvHttpProxyAgent } from './undici.ts'

const CONNECT_TIMEOUT = 15_000
export const INACTIVITY_TIMEOUT = 30_000

export interface ConnectionOptions {
  /** Milliseconds without a byte after which a connection counts as dead. Default 30,000. */
  inactivityTimeout?: number
  /** Resolves the names of hosts. Default: the system's resolver. */
  lookup?: LookupFunction
}

interface Purpose {
  readonly tls: TlsSettings
  /** The URL is a registry's word, not the user's. */
  readonly ledThere: boolean
}

export class Connections {
  readonly #timeout: number
  readonly #lookup: LookupFunction
  /** Connections with the same settings are shared. */
  readonly #dispatchers = new Map<TlsSettings, Map<string, Dispatcher>>()

  constructor({ inactivityTimeout = INACTIVITY_TIMEOUT, lookup = systemLookup }: ConnectionOptions = {}) {
    this.#timeout = inactivityTimeout
    this.#lookup = lookup
  }

  /** Honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY, but for hosts that are this machine. */
  to(url: URL, { tls, ledThere }: Purpose): Dispatcher {
    const proxied = hasProxy() && !isLoopback(url.hostname)
    const guarded = ledThere && !isLoopback(url.hostname)
    const key = `${proxied} ${guarded}`
    let group = this.#dispatchers.get(tls)
    if (group === undefined) {
      group = new Map()
      this.#dispatchers.set(tls, group)
    }
    let dispatcher = group.get(key)
    if (dispatcher === undefined) {
      dispatcher = this.#make(tls, proxied, guarded)
      group.set(key, dispatcher)
    }
    return dispatcher
  }

  async close(): Promise<void> {
    const all = [...this.#dispatchers.values()].flatMap(group => [...group.values()])
    await Promise.all(all.map(dispatcher => dispatcher.destroy()))
  }

  #make(tls: TlsSettings, proxied: boolean, guarded: boolean): Dispatcher {
    const security = tlsOptions(tls)
    const common = { headersTimeout: this.#timeout, bodyTimeout: this.#timeout, allowH2: false }
    const lookup = guarded ? refusingLocal(this.#lookup) : this.#lookup
    const direct = { ...common, connect: { timeout: CONNECT_TIMEOUT, lookup, ...security } }
    if (!proxied) return new Agent(direct)
    // The proxy resolves names itself; its own name is the user's word.
    return new EnvHttpProxyAgent({ ...direct, connectTimeout: CONNECT_TIMEOUT, requestTls: security })
  }
}

/** One context for all connections: reading the authorities takes longer than a handshake. */
function tlsOptions({ authorities, client, verify }: TlsSettings): object {
  if (authorities.length === 0 && client === undefined) return verify ? {} : { rejectUnauthorized: false }
  const secureContext = createSecureContext({
    ...(authorities.length === 0 ? {} : { ca: [...rootCertificates, ...authorities] }),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
  })
  return { secureContext, rejectUnauthorized: verify }
}

/** A name can lead into this machine as well as an address can. */
function refusingLocal(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, found, family) => {
      const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found]
      const local = error === null ? addresses.find(isLocalAddress) : undefined
      if (local === undefined) return callback(error, found, family)
      const reason = `the registry leads to the local address ${local}`
      const refusal: Error = new UtsuwaError('REGISTRY_ERROR', reason, { operation: `connect to ${hostname}` })
      callback(refusal, '')
    })
}

function hasProxy(): boolean {
  return ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some(name => (process.env[name] ?? '') !== '')
}
