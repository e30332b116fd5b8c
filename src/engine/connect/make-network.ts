/** A new network: its subnet, its bridge, and its configuration for CNI plugins. */
import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { join, resolve } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import { RouteSocket } from '../../launch/netlink.ts'
import { bridgeConflist, bridgePlugins, type Conflist } from '../../network/conflist.ts'
import { commonVersion } from '../../network/plugins.ts'
import { DEFAULT_NETWORK, findNetwork, listNetworks, lockNetworks, writeNetwork } from '../../network/store.ts'
import {
  contains,
  formatAddress,
  formatSubnet,
  freeSubnet,
  LARGE,
  overlaps,
  parseAddress,
  parseRoutes,
  parseSubnet,
  type Subnet,
} from '../../network/subnets.ts'
import { invalidOption } from '../../options/invalid-option.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { sys } from '../../sys/index.ts'
import { scopedFd } from '../../util/scoped-fd.ts'

/** Options of `createNetwork`. */
export interface CreateNetworkOptions extends Roots {
  readonly name: string
  /** IPv4, such as `10.9.0.0/24`. Default: one that this host has no route to. */
  readonly subnet?: string
  /** Default: the first address of the subnet. */
  readonly gateway?: string
  /** Leads nowhere but to its own containers. Default: false. */
  readonly internal?: boolean
  /** Bytes. Default: the kernel's, 1500. */
  readonly mtu?: number
  readonly labels?: Readonly<Record<string, string>>
}

/** A bridge has a number, so that its name is short enough, and says whose it is. */
const BRIDGE_PREFIX = 'utsuwa'

/** Made with the first container that needs it; whoever comes second finds it. */
export async function makeDefaultNetwork(root: string, runRoot: string): Promise<Conflist> {
  await using _lock = await lockNetworks(root)
  return (
    (await findNetwork(root, DEFAULT_NETWORK)) ?? (await makeNetwork({ name: DEFAULT_NETWORK, root, runRoot }, LARGE))
  )
}

/** The caller holds the lock. @throws UtsuwaError INVALID_ARGUMENT, UNSUPPORTED without plugins */
export async function makeNetwork(options: CreateNetworkOptions, candidates: readonly Subnet[]): Promise<Conflist> {
  const { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT, name, internal = false, mtu, labels = {} } = options
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65535))
    throw invalidOption('--opt mtu', `${mtu} is no size of a packet`)
  const others = await listNetworks(root)
  const subnet = chooseSubnet(options, others, candidates)
  const conflist = bridgeConflist({
    name,
    cniVersion: await commonVersion(bridgePlugins(internal)),
    bridge: freeBridge(others),
    subnet,
    gateway: chooseGateway(options.gateway, subnet),
    internal,
    labels,
    // Gone with a reboot, as the containers are that have the addresses.
    addressDirectory: join(resolve(runRoot), 'addresses'),
    ...(mtu !== undefined && { mtu }),
  })
  await writeNetwork(root, conflist)
  return conflist
}

function chooseSubnet(
  { subnet: asked }: CreateNetworkOptions,
  others: readonly Conflist[],
  candidates: readonly Subnet[],
): Subnet {
  const ofNetworks = others.flatMap(({ utsuwa }) => (utsuwa === undefined ? [] : (parseSubnet(utsuwa.subnet) ?? [])))
  const taken = [...parseRoutes(readFileSync('/proc/net/route', 'utf8')), ...ofNetworks]
  if (asked === undefined) {
    const free = freeSubnet(candidates, taken)
    if (free !== undefined) return free
    throw new UtsuwaError('INVALID_ARGUMENT', 'every subnet that could be chosen is in use', {
      hint: 'give one: --subnet',
    })
  }
  const subnet = parseSubnet(asked)
  if (subnet === undefined || subnet.prefix < 8 || subnet.prefix > 29)
    throw invalidOption('--subnet', `${JSON.stringify(asked)} is no IPv4 subnet such as 10.9.0.0/24`)
  const hinder = taken.find(other => overlaps(other, subnet))
  if (hinder !== undefined)
    throw invalidOption(
      '--subnet',
      `${formatSubnet(subnet)} overlaps with ${formatSubnet(hinder)}, which is in use on this machine`,
    )
  return subnet
}

function chooseGateway(asked: string | undefined, subnet: Subnet): string {
  if (asked === undefined) return formatAddress(subnet.address + 1)
  if (isIPv4(asked) && contains(subnet, parseAddress(asked))) return asked
  throw invalidOption('--gateway', `${JSON.stringify(asked)} is no address of ${formatSubnet(subnet)}`)
}

function freeBridge(others: readonly Conflist[]): string {
  const taken = new Set([...linkNames().keys(), ...others.map(({ utsuwa }) => utsuwa?.bridge)])
  for (let number = 0; ; number++) if (!taken.has(`${BRIDGE_PREFIX}${number}`)) return `${BRIDGE_PREFIX}${number}`
}

/** Indexes of the devices of this host, by their names. */
export function linkNames(): Map<string, number> {
  using socket = scopedFd(sys.routeSocket())
  return new Map(new RouteSocket(socket.fd).links().map(({ name, index }) => [name, index]))
}
