/** Ports of the host, chosen for a container. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { UtsuwaError } from '../../errors.ts'
import type { PortRequest, Protocol, PublishedPort } from '../../options/ports.ts'
import { isErrno } from '../../util/errno.ts'

/**
 * @param inUse ports of containers by their names, asked for when there is something to choose
 * @throws UtsuwaError PORT_IN_USE with who has it
 */
export async function choosePorts(
  requests: readonly PortRequest[],
  inUse: () => Promise<ReadonlyMap<string, readonly PublishedPort[]>>,
): Promise<PublishedPort[]> {
  if (requests.length === 0) return []
  const taken = [...(await inUse())].flatMap(([owner, ports]) => ports.map(port => ({ owner, port })))
  const chosen: PublishedPort[] = []
  for (const request of requests) {
    const port = await choose(request, candidate => {
      const own = chosen.some(other => collide(other, candidate))
      return own ? 'this container' : taken.find(other => collide(other.port, candidate))?.owner
    })
    chosen.push(port)
  }
  return chosen
}

type FindOwner = (candidate: PublishedPort) => string | undefined

/** Tries of a port that the kernel calls free, before somebody else turns out to have it every time. */
const RANDOM_TRIES = 20

async function choose(request: PortRequest, findOwner: FindOwner): Promise<PublishedPort> {
  const { hostIp, hostPorts, containerPort, protocol } = request
  const candidates = hostPorts === undefined ? Array<number>(RANDOM_TRIES).fill(0) : numbers(hostPorts)
  let owner: string | undefined
  for (const wanted of candidates) {
    const hostPort = await listenOnce(hostIp, wanted, protocol)
    const port = { hostIp, hostPort: hostPort ?? wanted, containerPort, protocol }
    const container = findOwner(port)
    owner = container === undefined ? 'a process of this machine' : `container ${container}`
    if (hostPort !== undefined && container === undefined) return port
  }
  const name = hostPorts === undefined ? 'any port' : `port ${[...new Set(hostPorts)].join('-')}/${protocol}`
  throw new UtsuwaError('PORT_IN_USE', `it is used by ${owner}`, { operation: `publish ${name}` })
}

function numbers([first, last]: readonly [number, number]): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function collide(a: PublishedPort, b: PublishedPort): boolean {
  const samePlace = a.hostIp === b.hostIp || a.hostIp === '' || b.hostIp === ''
  return a.protocol === b.protocol && a.hostPort === b.hostPort && samePlace
}

/**
 * Whether a process of the host has the port, which rules would hide: found out by taking it for a moment.
 * @param port 0 for one that is free. @returns undefined where somebody has it
 */
async function listenOnce(hostIp: string, port: number, protocol: Protocol): Promise<number | undefined> {
  const host = hostIp || '0.0.0.0'
  try {
    if (protocol === 'udp') {
      const socket = createSocket('udp4').bind(port, host)
      await once(socket, 'listening')
      const { port: number } = socket.address()
      socket.close()
      return number
    }
    // There are no sockets of SCTP in Node; its ports are seldom anybody's.
    const server = createServer().listen({ port, host, exclusive: true })
    await once(server, 'listening')
    const address = server.address()
    server.close()
    return typeof address === 'object' && address !== null ? address.port : port
  } catch (cause) {
    if (isErrno(cause, 'EADDRINUSE')) return undefined
    if (!isErrno(cause, 'EADDRNOTAVAIL')) throw cause
    throw new UtsuwaError('INVALID_ARGUMENT', `this machine has no address ${host}`, {
      operation: 'publish a port',
      cause,
    })
  }
}
