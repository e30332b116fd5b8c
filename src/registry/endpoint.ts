/** URLs of registries: which of them may be led to, and how they are shown. */
import { BlockList, isIP } from 'node:net'
import { UtsuwaError } from '../errors.ts'

/** Docker Hub's name is not the host that serves its images. */
const DOCKER_HUB_HOST = 'registry-1.docker.io'

/**
 * The root of a registry's API (distribution-spec, "API").
 *
 * @param registry host and optional port: `docker.io`, `localhost:5000`
 * @throws UtsuwaError INVALID_REFERENCE
 */
export function apiRoot(registry: string, scheme: 'http' | 'https'): URL {
  const host = registry === 'docker.io' ? DOCKER_HUB_HOST : registry
  const url = URL.parse(`${scheme}://${host}/v2/`)
  if (url === null) throw new UtsuwaError('INVALID_REFERENCE', `${JSON.stringify(registry)} is not a host and port`)
  return url
}

/** True for hosts that can only be this machine. `hostname` as URL gives it: lower case, IPv6 in brackets. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  )
}

/** Loopback, unspecified and link-local addresses, where this machine's own and cloud providers' services listen. */
const LOCAL = new BlockList()
LOCAL.addSubnet('127.0.0.0', 8)
LOCAL.addSubnet('0.0.0.0', 8)
LOCAL.addSubnet('169.254.0.0', 16)
LOCAL.addAddress('::1', 'ipv6')
LOCAL.addAddress('::', 'ipv6')
LOCAL.addSubnet('fe80::', 10, 'ipv6')
LOCAL.addAddress('fd00:ec2::254', 'ipv6')

/** @param address as DNS gives it, without brackets; IPv4 in IPv6 counts as the IPv4 address */
export function isLocalAddress(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && LOCAL.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/**
 * The URL that a registry's answer leads to: a redirect, a token service, a place to upload to. What leads from the
 * network into this machine (server-side request forgery) or from TLS to plain text is refused.
 *
 * @param what names it in the error: `redirect`
 * @throws UtsuwaError REGISTRY_ERROR
 */
export function ledTo(from: URL, location: string, what: string): URL {
  const refuse = (reason: string) =>
    new UtsuwaError('REGISTRY_ERROR', reason, { operation: `follow ${what} of ${redact(from)}`, path: redact(from) })
  const target = URL.parse(location, from)
  if (target === null) throw refuse(`${JSON.stringify(location.slice(0, 100))} is not a URL`)
  if (target.protocol !== 'https:' && target.protocol !== 'http:') throw refuse(`it leads to ${target.protocol}`)
  if (from.protocol === 'https:' && target.protocol === 'http:') throw refuse(`it leads from TLS to ${target.origin}`)
  const isLocal = isLoopback(target.hostname) || isLocalAddress(target.hostname.replace(/^\[(.*)\]$/, '$1'))
  if (isLocal && !isLoopback(from.hostname)) throw refuse(`it leads to the local address ${target.host}`)
  return target
}

/** A URL for people: storage services put signatures into queries, and anyone can put a password before the host. */
export function redact(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`
}
