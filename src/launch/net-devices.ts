/** config-linux.md, "Network Devices": devices of the host that move into the container's network namespace. */
import { openSync } from 'node:fs'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import type { LinuxNetDevice } from '../spec/runtime.ts'
import { sys } from '../sys/index.ts'
import { errnos } from '../util/errno.ts'
import { scopedFd } from '../util/scoped-fd.ts'
import { type NetworkLink, RouteSocket } from './netlink.ts'
import { openOfProcess } from './process-files.ts'

/**
 * The launcher's part at the barrier `network`. A device keeps its attributes and its permanent global addresses, which
 * the kernel takes from it on its way, and is up afterwards. It stays in the namespace: where that ends, the kernel gives
 * a physical one back to the host.
 * @param pidfd of init, which is in the container's network namespace
 * @param lentFd a netlink socket that was made there; it stays open
 * @throws UtsuwaError with the pointer of the device that could not move, and is where it was
 */
export function moveNetDevices(devices: Readonly<Record<string, LinuxNetDevice>>, pidfd: number, lentFd: number): void {
  using ownSocket = scopedFd(sys.routeSocket())
  using own = scopedFd(openSync('/proc/self/ns/net', 'r'))
  using its = openOfProcess(pidfd, 'ns/net')
  if (its === undefined) throw new UtsuwaError('INIT_FAILED', 'init was killed while network devices were moved to it')
  const host: Network = { socket: new RouteSocket(ownSocket.fd), namespaceFd: own.fd }
  const container: Network = { socket: new RouteSocket(lentFd), namespaceFd: its.fd }
  for (const [name, { name: wanted = name }] of Object.entries(devices)) {
    try {
      moveDevice(name, wanted, host, container)
    } catch (error) {
      throw isUtsuwaError(error) ? deviceError(name, error) : error
    }
  }
}

interface Network {
  readonly socket: RouteSocket
  readonly namespaceFd: number
}

function moveDevice(name: string, wanted: string, host: Network, container: Network): void {
  const link = host.socket.links().find(other => other.name === name)
  if (link === undefined) throw new UtsuwaError('KERNEL_OPERATION_FAILED', undefined, { errno: errnos.ENODEV })
  const before = container.socket.links()
  // The kernel finds this out when the device has moved already. A name that ends in %d it makes a free one of.
  if (before.some(other => other.name === wanted))
    throw new UtsuwaError('KERNEL_OPERATION_FAILED', undefined, { path: wanted, errno: errnos.EEXIST })
  const kept = host.socket
    .addresses()
    .filter(({ index, isPermanent, isGlobal }) => index === link.index && isPermanent && isGlobal)
  host.socket.move(link.index, container.namespaceFd, wanted)
  const { index } = arrived(before, container.socket.links())
  try {
    for (const address of kept) container.socket.addAddress(index, address)
    container.socket.setUp(index)
  } catch (error) {
    container.socket.move(index, host.namespaceFd, name)
    throw error
  }
}

/** Its index may be another one, and its name is the kernel's choice where a pattern was given. */
function arrived(before: readonly NetworkLink[], after: readonly NetworkLink[]): NetworkLink {
  return after.find(({ index }) => !before.some(other => other.index === index))!
}

function deviceError(name: string, { code, errno, path, message }: UtsuwaError): UtsuwaError {
  return new UtsuwaError(code, errno === undefined ? message : undefined, {
    operation: `move network device ${name} into the container${path === undefined ? '' : ` as ${path}`}`,
    errno,
    configPointer: `/linux/netDevices/${name}`,
  })
}
