/** Where a registry is: its URL, and whether plain HTTP may be spoken to it. */
import { UtsuwaError } from '../errors.ts'

/** Docker Hub's name is not the host that serves its images. */
const DOCKER_HUB_HOST = 'registry-1.docker.io'

/**
 * The origin of a registry named in a reference.
 *
 * Plain HTTP is spoken to loopback hosts, where TLS protects nothing, and where the caller asked for it.
 *
 * @param registry host and optional port: `docker.io`, `localhost:5000`
 */
export function endpointOf(registry: string, insecure = false): URL {
  const host = registry === 'docker.io' ? DOCKER_HUB_HOST : registry
  const url = URL.parse(`https://${host}/`)
  if (url === null) throw new UtsuwaError('INVALID_REFERENCE', `${JSON.stringify(registry)} is not a host and port`)
  // The scheme decides what a missing port means, so it is chosen by parsing again, never by changing `protocol`.
  return insecure || isLoopback(url.hostname) ? new URL(`http://${host}/`) : url
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

/** Loopback, unspecified and link-local addresses; the last hold the metadata services of cloud providers. */
function isLocalAddress(hostname: string): boolean {
  return (
    isLoopback(hostname) ||
    /^(?:0\.0\.0\.0|169\.254(?:\.\d{1,3}){2}|\[::\]|\[fe[89ab].*\]|\[::ffff:.*\])$/.test(hostname)
  )
}

/**
 * Resolves a redirect of a registry, or refuses one that leads from the network into this machine (server-side request
 * forgery) or from TLS to plain text.
 *
 * @throws UtsuwaError REGISTRY_ERROR
 */
export function redirectTarget(from: URL, location: string): URL {
  const refuse = (reason: string) =>
    new UtsuwaError('REGISTRY_ERROR', reason, { operation: `follow redirect of ${redact(from)}`, path: redact(from) })
  const target = URL.parse(location, from)
  if (target === null) throw refuse('its Location header is not a URL')
  if (target.protocol !== 'https:' && target.protocol !== 'http:') throw refuse(`it leads to ${target.protocol}`)
  if (from.protocol === 'https:' && target.protocol === 'http:') throw refuse(`it leads from TLS to ${target.origin}`)
  if (isLocalAddress(target.hostname) && !isLoopback(from.hostname)) {
    throw refuse(`it leads to the local address ${target.host}`)
  }
  return target
}

/** A URL for people: storage services put signatures into queries, and anyone can put a password before the host. */
export function redact(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`
}
