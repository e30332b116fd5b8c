/** What is in /etc/hosts and /etc/resolv.conf of a container. */
import { isIPv4 } from 'node:net'

/** An address and the names that mean it. */
export interface HostLine {
  readonly address: string
  readonly names: readonly string[]
}

const LOOPBACK = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`

/** hosts(5): loopback, and behind it the lines in their order. */
export function formatHosts(lines: readonly HostLine[]): string {
  return LOOPBACK + lines.map(({ address, names }) => `${address}\t${names.join(' ')}\n`).join('')
}

/** resolv.conf(5), the parts of it that are passed on. */
export interface Resolver {
  readonly nameservers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

/** Later lines of `search` and `options` count, as resolv.conf(5) has it. */
export function parseResolver(text: string): Resolver {
  const lines = text.split('\n').map(line => line.trim().split(/\s+/))
  const last = (...keys: string[]) => lines.findLast(([key = '']) => keys.includes(key))?.slice(1) ?? []
  return {
    nameservers: lines.flatMap(([key, address]) => (key === 'nameserver' && address ? [address] : [])),
    search: last('search', 'domain'),
    options: last('options'),
  }
}

export function formatResolver({ nameservers, search, options }: Resolver): string {
  return [
    ...(search.length > 0 && search[0] !== '.' ? [`search ${search.join(' ')}\n`] : []),
    ...nameservers.map(address => `nameserver ${address}\n`),
    ...(options.length > 0 ? [`options ${options.join(' ')}\n`] : []),
  ].join('')
}

/** A server on the host's loopback is not the container's, nor is one that only an interface of the host leads to. */
export function isReachable(nameserver: string): boolean {
  return isIPv4(nameserver) ? !nameserver.startsWith('127.') : nameserver !== '::1' && !nameserver.includes('%')
}
