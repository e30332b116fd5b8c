/**
 * The parts of undici that a registry client needs. With fetch, WebSocket and caches beside them, it takes twice as long
 * to load, which a small pull notices.
 */
import type * as undici from 'undici'
import api from 'undici/lib/api/index.js'
import agent from 'undici/lib/dispatcher/agent.js'
import dispatcher from 'undici/lib/dispatcher/dispatcher.js'
import proxyAgent from 'undici/lib/dispatcher/env-http-proxy-agent.js'

export type Dispatcher = undici.Dispatcher
export type RequestOptions = Omit<undici.Dispatcher.RequestOptions, 'origin' | 'path'> & { dispatcher: Dispatcher }
export type ResponseData = undici.Dispatcher.ResponseData

export const Agent: typeof undici.Agent = agent
export const EnvHttpProxyAgent: typeof undici.EnvHttpProxyAgent = proxyAgent

// As the whole does: requests are methods of a dispatcher, and a proxy is asked for a tunnel by one of them.
Object.assign(dispatcher.prototype, api)

/** As undici's own, but that a dispatcher must be given. */
export function request(url: URL, { dispatcher: through, ...options }: RequestOptions): Promise<ResponseData> {
  return through.request({ ...options, origin: url.origin, path: `${url.pathname}${url.search}` })
}
