import { existsSync, readdirSync, rmSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { join, resolve } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import { RouteSocket } from '../../launch/netlink.ts'
import type { Conflist } from '../../network/conflist.ts'
import { removeHostRules } from '../../network/host-rules.ts'
import {
  DEFAULT_NETWORK,
  findNetwork,
  listNetworks,
  lockNetworks,
  readNetwork,
  removeNetworkFile,
} from '../../network/store.ts'
import { contains, parseAddress, parseSubnet, SMALL } from '../../network/subnets.ts'
import { invalidOption } from '../../options/invalid-option.ts'
import { checkNetworkName } from '../../options/network.ts'
import { containersDirectory } from '../../runtime/state/names.ts'
import { type ContainerRecord, listRecords } from '../../runtime/state/record.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { sys } from '../../sys/index.ts'
import { scopedFd } from '../../util/scoped-fd.ts'
import { readAttachment } from './kept-attachment.ts'
import { type CreateNetworkOptions, linkNames, makeNetwork } from './make-network.ts'
import { releaseEnded } from './network-attachment.ts'

/** A network of the store. */
export interface Network {
  readonly name: string
  /** `bridge` for those that utsuwa makes; otherwise the type of the first plugin. */
  readonly driver: string
  /** RFC 3339; undefined, as what follows, for a configuration that somebody wrote by hand. */
  readonly created: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly bridge: string | undefined
  readonly subnet: string | undefined
  readonly gateway: string | undefined
  /** Leads nowhere but to its own containers. */
  readonly internal: boolean
  /** Those that are connected to it, with their addresses and prefix lengths where they have one. */
  readonly containers: readonly {
    readonly id: string
    readonly name: string | undefined
    readonly address: string | undefined
  }[]
}

/** @throws UtsuwaError INVALID_ARGUMENT, NETWORK_EXISTS, UNSUPPORTED without plugins, NOT_ROOT */
export async function createNetwork(options: CreateNetworkOptions): Promise<Network> {
  const { root = DEFAULT_ROOT, name } = options
  checkNetworkName(name, 'network create')
  if (['none', 'host', DEFAULT_NETWORK].includes(name))
    throw invalidOption('network create', `${name} is there without being made`)
  await using _lock = await lockNetworks(root)
  if ((await findNetwork(root, name)) !== undefined)
    throw new UtsuwaError('NETWORK_EXISTS', 'there is one with this name', { operation: `make network ${name}` })
  return describe(await makeNetwork(options, SMALL), [])
}

/** All networks, by name. */
export async function networks({ root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots = {}): Promise<Network[]> {
  const members = membersOf(runRoot, root)
  return (await listNetworks(root)).map(conflist => describe(conflist, members.get(conflist.name) ?? []))
}

/** @throws UtsuwaError NETWORK_NOT_FOUND */
export async function inspectNetwork(
  name: string,
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots = {},
): Promise<Network> {
  const conflist = await readNetwork(root, name)
  return describe(conflist, membersOf(runRoot, root).get(name) ?? [])
}

/** Containers that were made for a network, connected or not, by the network. */
function usersOf(runRoot: string, root: string): Map<string, ContainerRecord[]> {
  const records = listRecords(containersDirectory(runRoot))
  const users = records.filter(({ managed }) => managed?.network?.root === resolve(root))
  return Map.groupBy(users, ({ managed }) => managed?.network?.network ?? '')
}

type Member = Network['containers'][number]

/** Those that are connected. */
function membersOf(runRoot: string, root: string): Map<string, Member[]> {
  const toMember = ({ id, managed }: ContainerRecord): Member[] => {
    const attachment = readAttachment(containersDirectory(runRoot), id)
    return attachment === undefined ? [] : [{ id, name: managed?.name, address: attachment.result?.ips?.[0]?.address }]
  }
  return new Map([...usersOf(runRoot, root)].map(([name, users]) => [name, users.flatMap(toMember)]))
}

function describe({ name, plugins, utsuwa }: Conflist, containers: readonly Member[]): Network {
  return {
    name,
    driver: plugins[0]!.type,
    created: utsuwa?.created,
    labels: utsuwa?.labels ?? {},
    bridge: utsuwa?.bridge,
    subnet: utsuwa?.subnet,
    gateway: utsuwa?.gateway,
    internal: utsuwa?.internal ?? false,
    containers,
  }
}

/** @throws UtsuwaError NETWORK_NOT_FOUND; NETWORK_IN_USE with the containers */
export async function removeNetwork(
  name: string,
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots = {},
): Promise<void> {
  const conflist = await readNetwork(root, name)
  await releaseEnded(containersDirectory(runRoot))
  await using _lock = await lockNetworks(root)
  const members = membersOf(runRoot, root).get(name) ?? []
  if (members.length > 0) {
    const names = members.map(({ id, name }) => name ?? id.slice(0, 12))
    throw new UtsuwaError('NETWORK_IN_USE', `it is used by ${names.join(', ')}`, {
      operation: `remove network ${name}`,
      hint: `utsuwa rm --force ${names[0]}`,
    })
  }
  await remove(root, conflist)
}

/** Removes the networks that people made and no container uses. @returns their names */
export async function pruneNetworks({
  root = DEFAULT_ROOT,
  runRoot = DEFAULT_RUN_ROOT,
}: Roots = {}): Promise<string[]> {
  await releaseEnded(containersDirectory(runRoot))
  await using _lock = await lockNetworks(root)
  const users = usersOf(runRoot, root)
  const unused = (await listNetworks(root)).filter(
    ({ name, utsuwa }) => utsuwa !== undefined && name !== DEFAULT_NETWORK && !users.has(name),
  )
  for (const conflist of unused) await remove(root, conflist)
  return unused.map(({ name }) => name)
}

/** The bridge and its rules go first: what is left when that is cut short is a network that works. */
async function remove(root: string, conflist: Conflist): Promise<void> {
  const { name, utsuwa } = conflist
  await removeHostRules(conflist)
  if (utsuwa !== undefined) {
    const index = linkNames().get(utsuwa.bridge)
    using socket = scopedFd(sys.routeSocket())
    if (index !== undefined) new RouteSocket(socket.fd).remove(index)
  }
  await removeAddresses(conflist)
  await removeNetworkFile(root, name)
}

/** Those that were never given back. Another store may have a network of this name, of other addresses. */
async function removeAddresses({ name, plugins, utsuwa }: Conflist): Promise<void> {
  const { dataDir } = (plugins[0]?.ipam ?? {}) as { readonly dataDir?: string }
  const subnet = utsuwa === undefined ? undefined : parseSubnet(utsuwa.subnet)
  if (dataDir === undefined || subnet === undefined) return
  const directory = join(dataDir, name)
  if (!existsSync(directory)) return
  const isOurs = (file: string): boolean => isIPv4(file) && contains(subnet, parseAddress(file))
  for (const address of readdirSync(directory).filter(isOurs)) rmSync(join(directory, address), { force: true })
}
