/** `-p`: ports of a container that the host passes on to it. */
import { isIPv4, isIPv6 } from 'node:net'
import { invalidOption } from './invalid-option.ts'

/** What a port is of. */
export type Protocol = 'tcp' | 'udp' | 'sctp'

/** A port as it was asked for. */
export interface PortRequest {
  /** IPv4 address of the host; '' is all. */
  readonly hostIp: string
  /** First and last of those that will do; undefined: any that is free. */
  readonly hostPorts: readonly [first: number, last: number] | undefined
  readonly containerPort: number
  readonly protocol: Protocol
}

/** A port that the host passes on to a container. */
export interface PublishedPort {
  /** IPv4 address of the host; '' is all. */
  readonly hostIp: string
  /** 1 to 65535. */
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: Protocol
}

const PORT_MAX = 65535
/** Each costs rules of the kernel's firewall, which are looked through one by one. */
const PORTS_MAX = 1024

/** `[[ip:]host:]container[/protocol]`; host and container may be ranges. @throws UtsuwaError INVALID_ARGUMENT */
export function parsePorts(texts: readonly string[]): PortRequest[] {
  const requests = texts.flatMap(parsePort)
  if (requests.length > PORTS_MAX)
    throw invalidOption('--publish', `${requests.length} ports are more than ${PORTS_MAX}`)
  return requests
}

function parsePort(text: string): PortRequest[] {
  const fail = (reason: string): never => {
    throw invalidOption('--publish', `${JSON.stringify(text)}: ${reason}`)
  }
  const [, left = '', protocol = 'tcp'] = /^([^/]*)(?:\/(.*))?$/.exec(text) ?? []
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    return fail(`${protocol} is none of tcp, udp and sctp`)
  const [, hostIp = '', host = '', container = ''] =
    /^(?:(?:(\[[^\]]*\]|[^:]*):)?([\d-]*):)?([\d-]+)$/.exec(left) ??
    fail('is not [[ip:]host-port:]container-port[/protocol]')
  if (isIPv6(hostIp.replace(/^\[(.*)\]$/, '$1'))) return fail('networks have IPv4 alone')
  if (hostIp !== '' && !isIPv4(hostIp)) return fail(`${hostIp} is no address`)
  const [first, last] = parseRange(container) ?? fail(`${container} is no port`)
  const hosts = host === '' ? undefined : (parseRange(host) ?? fail(`${host} is no port`))
  const length = last - first
  if (hosts !== undefined && length > 0 && hosts[1] - hosts[0] !== length) return fail('the ranges differ in length')
  return Array.from({ length: length + 1 }, (_, index) => ({
    hostIp: hostIp === '0.0.0.0' ? '' : hostIp,
    hostPorts: hosts === undefined || length === 0 ? hosts : [hosts[0] + index, hosts[0] + index],
    containerPort: first + index,
    protocol,
  }))
}

function parseRange(text: string): [first: number, last: number] | undefined {
  const [, start, end = start] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  const [first, last] = [Number(start), Number(end)]
  return first >= 1 && first <= last && last <= PORT_MAX ? [first, last] : undefined
}

/** As docker shows it: `0.0.0.0:8080->80/tcp`. */
export function formatPort({ hostIp, hostPort, containerPort, protocol }: PublishedPort): string {
  return `${hostIp || '0.0.0.0'}:${hostPort}->${containerPort}/${protocol}`
}
