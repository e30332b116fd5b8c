/** A container's connection to its network: made while init waits for the start, and given back at its end. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isUtsuwaError, UtsuwaError } from '../../errors.ts'
import { type CniResult, connect, disconnect, type RuntimeConfig } from '../../network/attachment.ts'
import type { Conflist } from '../../network/conflist.ts'
import type { HostLine } from '../../network/files.ts'
import { addHostRules } from '../../network/host-rules.ts'
import { DEFAULT_NETWORK, lockHosts, lockNetworks, readNetwork } from '../../network/store.ts'
import { contains, parseAddress, parseSubnet } from '../../network/subnets.ts'
import type { PublishedPort } from '../../options/ports.ts'
import { openOfInit } from '../../runtime/state/first-process.ts'
import {
  type ContainerRecord,
  containerDirectory,
  findRecord,
  type LockedContainer,
  listRecords,
  type NetworkRecord,
  readSpec,
  tryLockContainer,
} from '../../runtime/state/record.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import { inRoom } from '../../util/room.ts'
import type { ScopedFd } from '../../util/scoped-fd.ts'
import {
  forgetAttachment,
  holdPlugins,
  type KeptAttachment,
  type PluginHold,
  readAttachment,
  writeAttachment,
} from './kept-attachment.ts'
import { hostsOf } from './network.ts'
import { choosePorts } from './ports.ts'

const INTERFACE = 'eth0'

/**
 * Connects a container whose init waits for the start. What it takes is written down first, and what each plugin has made
 * before the next is asked: whoever is killed meanwhile leaves something by which it can be given back.
 *
 * @param record with the process
 * @throws UtsuwaError PORT_IN_USE; CNI_FAILED, UNSUPPORTED, TIMEOUT, ABORTED: `releaseNetwork` gives back what is there then
 */
export async function attachNetwork(stateRoot: string, record: ContainerRecord, signal?: AbortSignal): Promise<void> {
  const network = record.managed?.network
  if (network?.network === undefined) return
  // Of a run before this one, where plugins would not let go: what is known of that would be lost now.
  await releaseNetwork(stateRoot, { ...record, pid: 0 })
  const attachment = await takePlace(stateRoot, record.id, network, signal)
  using namespace = openOfInit(record, 'ns/net')
  if (namespace === undefined) throw new UtsuwaError('INIT_FAILED', 'init was killed before it had a network')
  await connectOnceMore(stateRoot, attachment, pathForPlugins(namespace), signal)
  await refreshHosts(stateRoot, network, record.id)
}

/** By a descriptor of this process: a PID may be another's by the time a plugin comes to it. */
const pathForPlugins = ({ fd }: ScopedFd): string => `/proc/${process.pid}/fd/${fd}`

async function takePlace(
  stateRoot: string,
  id: string,
  network: NetworkRecord,
  signal: AbortSignal | undefined,
): Promise<KeptAttachment> {
  await using _lock = await lockNetworks(network.root, signal)
  const conflist = await readNetwork(network.root, network.network!)
  // Here, since two who look for them at once would both not find them; and before a plugin opens anything.
  await addHostRules(conflist)
  const ports = await choosePorts(network.ports, () => portsInUse(stateRoot, id))
  const attachment = {
    containerId: id,
    ifName: INTERFACE,
    conflist,
    ports,
    runtimeConfig: runtimeConfigOf(network, conflist, ports),
  }
  writeAttachment(stateRoot, attachment)
  return attachment
}

function runtimeConfigOf(
  { ip, macAddress }: NetworkRecord,
  { utsuwa }: Conflist,
  ports: readonly PublishedPort[],
): RuntimeConfig {
  const prefix = utsuwa === undefined ? 32 : parseSubnet(utsuwa.subnet)!.prefix
  return {
    ...(ports.length > 0 && {
      portMappings: ports.map(({ hostIp, ...port }) => ({ ...port, ...(hostIp !== '' && { hostIP: hostIp }) })),
    }),
    ...(ip !== undefined && { ips: [`${ip}/${prefix}`] }),
    ...(macAddress !== undefined && { mac: macAddress }),
  }
}

/** With no address left, those of containers that ended unnoticed are taken back. */
async function connectOnceMore(
  stateRoot: string,
  attachment: KeptAttachment,
  netns: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using hold = await holdPlugins(stateRoot, attachment.containerId)
  const keep = (result: CniResult): void => writeAttachment(stateRoot, { ...attachment, result })
  try {
    await connect(attachment, netns, { keep, signal, ...hold.inherited })
  } catch (error) {
    if (!isUtsuwaError(error, 'CNI_FAILED') || !/no IP addresses available/.test(error.message)) throw error
    await disconnect(readAttachment(stateRoot, attachment.containerId)!, netns, hold.inherited)
    await releaseEnded(stateRoot)
    await connect(attachment, netns, { keep, signal, ...hold.inherited })
  }
}

/** Ports that other containers have. Those of containers that ended unnoticed are given back. */
async function portsInUse(stateRoot: string, id: string): Promise<Map<string, readonly PublishedPort[]>> {
  await releaseEnded(stateRoot)
  const others = connected(stateRoot).filter(other => other.id !== id)
  return new Map(others.map(other => [nameOf(other), readAttachment(stateRoot, other.id)?.ports ?? []]))
}

const nameOf = ({ id, managed }: ContainerRecord): string => managed?.name ?? id.slice(0, 12)

function connected(stateRoot: string): ContainerRecord[] {
  return listRecords(stateRoot).filter(({ managed }) => managed?.network?.network !== undefined)
}

/**
 * Gives back what containers have that have ended, where whoever should have done it was killed. One of which that fails keeps
 * what it has, and `ps` says so: it is no reason for another one to fail.
 */
export async function releaseEnded(stateRoot: string): Promise<void> {
  for (const { id } of connected(stateRoot)) await releaseIfEnded(stateRoot, id).catch(() => undefined)
}

/** Nothing happens while somebody else has to do with the container. @throws UtsuwaError as `releaseNetwork` */
export async function releaseIfEnded(stateRoot: string, id: string): Promise<void> {
  if (readAttachment(stateRoot, id) === undefined) return
  using container: LockedContainer | undefined = tryLockContainer(stateRoot, id)
  const record = container && findRecord(stateRoot, id)
  // Locked by us, so nobody is creating it any more.
  if (record !== undefined && (record.phase === 'creating' || containerStatus(stateRoot, record) === 'stopped'))
    await releaseNetwork(stateRoot, record)
}

/**
 * Gives back what a container has of its network: its address, its ports, the rules of the firewall. Once more is
 * harmless. To be called by whoever holds the container's lock.
 *
 * @throws UtsuwaError CNI_FAILED, TIMEOUT; it can be tried again then
 */
export async function releaseNetwork(stateRoot: string, record: ContainerRecord): Promise<void> {
  if (readAttachment(stateRoot, record.id) === undefined) return
  await using hold = await holdPlugins(stateRoot, record.id)
  // Where its processes have ended, their namespace has too, and the kernel takes its devices away by itself.
  using namespace = openOfInit(record, 'ns/net')
  const netns = namespace === undefined ? '' : pathForPlugins(namespace)
  await letGo(record, readAttachment(stateRoot, record.id)!, netns, hold)
  forgetAttachment(stateRoot, record.id)
  const { network } = record.managed ?? {}
  if (network !== undefined) await refreshHosts(stateRoot, network)
}

async function letGo(
  record: ContainerRecord,
  attachment: KeptAttachment,
  netns: string,
  { inherited }: PluginHold,
): Promise<void> {
  try {
    await disconnect(attachment, netns, inherited)
  } catch (cause) {
    if (!isUtsuwaError(cause)) throw cause
    const operation = `give back the network of container ${nameOf(record)}`
    const hint = `utsuwa rm --force ${nameOf(record)} removes it all the same`
    throw new UtsuwaError(cause.code, cause.message, { operation, hint, cause })
  }
}

/**
 * Writes /etc/hosts anew, in the files that containers have mounted: of one, and in a network that somebody made, where
 * containers know each other by name, of all that are connected to it. Their records have the names.
 */
export async function refreshHosts(stateRoot: string, network: NetworkRecord, id?: string): Promise<void> {
  const knowEachOther = network.network !== DEFAULT_NETWORK
  if (!knowEachOther && id === undefined) return
  await using _lock = await lockHosts(network.root)
  const members = knowEachOther
    ? connected(stateRoot).filter(({ managed }) => managed?.network?.network === network.network)
    : [findRecord(stateRoot, id!)!]
  const lines = members.flatMap(member => lineOf(stateRoot, member) ?? [])
  for (const { own, gateway, path, record } of lines) {
    const peers = knowEachOther ? lines.filter(line => line.path !== path).map(line => line.own) : []
    const text = hostsOf(record, { own, peers, ...(gateway !== undefined && { gateway }) })
    inRoom(path, () => writeFileSync(path, text))
  }
}

interface Member {
  readonly own: HostLine
  readonly gateway: string | undefined
  /** Host path of its hosts file. */
  readonly path: string
  readonly record: NetworkRecord
}

function lineOf(stateRoot: string, { id, managed }: ContainerRecord): Member | undefined {
  const attachment = readAttachment(stateRoot, id)
  const [ip] = attachment?.result?.ips ?? []
  if (ip === undefined || managed?.network === undefined) return undefined
  const { hostname } = readSpec(stateRoot, id)
  const names = [hostname, managed.name, ...managed.network.aliases, id.slice(0, 12)]
  return {
    own: { address: addressOf(ip), names: [...new Set(names.filter(name => name !== undefined))] },
    gateway: ip.gateway ?? gatewayOf(attachment!.conflist, addressOf(ip)),
    path: join(containerDirectory(stateRoot, id), 'etc/hosts'),
    record: managed.network,
  }
}

/** Without its prefix length. */
export function addressOf({ address }: { readonly address: string }): string {
  return address.split('/')[0]!
}

/** The host has an address in a network that leads somewhere. */
function gatewayOf({ utsuwa }: Conflist, address: string): string | undefined {
  const subnet = utsuwa === undefined || utsuwa.internal ? undefined : parseSubnet(utsuwa.subnet)
  return subnet !== undefined && contains(subnet, parseAddress(address)) ? utsuwa?.gateway : undefined
}
