/** What a container is connected to, decided before it is made: its network, and the files that tell of names and addresses. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import type { Conflist } from '../../network/conflist.ts'
import {
  formatHosts,
  formatResolver,
  type HostLine,
  isReachable,
  parseResolver,
  type Resolver,
} from '../../network/files.ts'
import { findPlugin } from '../../network/plugins.ts'
import { DEFAULT_NETWORK, findNetwork, readNetwork } from '../../network/store.ts'
import { checkNetworkOptions, chooseNetwork, type NetworkChoice, parseExtraHosts } from '../../options/network.ts'
import type { ContainerOptions } from '../../options/options.ts'
import { parsePorts } from '../../options/ports.ts'
import { networkPathOf, openOfInit } from '../../runtime/state/first-process.ts'
import { containersDirectory, resolveContainer } from '../../runtime/state/names.ts'
import { containerDirectory, type NetworkRecord, readRecord } from '../../runtime/state/record.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'
import { readIfThere } from '../../util/read-if-there.ts'
import { inRoom } from '../../util/room.ts'
import type { ScopedFd } from '../../util/scoped-fd.ts'
import { withNamespacePaths } from './joined-namespaces.ts'

export interface PreparedNetwork {
  readonly record: NetworkRecord
  /** Of a network that is shared. */
  readonly namespacePath?: string
  /** Host path of each file that is mounted, by its container path. */
  readonly files: ReadonlyMap<string, string>
}

export interface NetworkInput {
  readonly root: string
  readonly runRoot: string
  /** Host path of what is kept of the container. */
  readonly directory: string
  /** As it will be without an option that says otherwise. */
  readonly hostname: string
}

const FILES = ['hosts', 'hostname', 'resolv.conf'] as const
const UPSTREAM_RESOLVER = '/run/systemd/resolve/resolv.conf'

/**
 * Finds or makes the network, and writes the files; nothing is connected yet.
 * @throws UtsuwaError INVALID_ARGUMENT, NETWORK_NOT_FOUND, CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING; UNSUPPORTED without
 *   plugins, with the package that has them
 */
export async function prepareNetwork(options: ContainerOptions, input: NetworkInput): Promise<PreparedNetwork> {
  checkNetworkOptions(options)
  const choice = chooseNetwork(options)
  const record = recordOf(options, choice, input)
  if (record.network !== undefined) await requireNetwork(input, record.network)
  return { record, ...pathOf(record, input), files: writeFiles(options, record, choice, input) }
}

/** The same without making anything. */
export function planNetwork(options: ContainerOptions, input: NetworkInput): PreparedNetwork {
  checkNetworkOptions(options)
  const record = recordOf(options, chooseNetwork(options), input)
  return { record, ...pathOf(record, input), files: filesIn(input.directory) }
}

function recordOf(options: ContainerOptions, choice: NetworkChoice, { root, runRoot }: NetworkInput): NetworkRecord {
  const { ports = [], networkAliases = [], extraHosts = [], ip, macAddress } = options
  return {
    root: resolve(root),
    ...(choice.kind === 'network' && { network: choice.name }),
    ...(choice.kind === 'container' && { container: resolveContainer(runRoot, choice.container) }),
    ports: parsePorts(ports),
    aliases: networkAliases,
    extraHosts: parseExtraHosts(extraHosts),
    ...(ip !== undefined && { ip }),
    ...(macAddress !== undefined && { macAddress }),
  }
}

function pathOf({ container }: NetworkRecord, { runRoot }: NetworkInput): Pick<PreparedNetwork, 'namespacePath'> {
  if (container === undefined) return {}
  return { namespacePath: networkPathOf(readRecord(containersDirectory(runRoot), container)) }
}

/** Found now, rather than when the container is half made; the default one is made here. */
async function requireNetwork({ root, runRoot }: NetworkInput, name: string): Promise<void> {
  let conflist = await findNetwork(root, name)
  if (conflist === undefined && name === DEFAULT_NETWORK) {
    const { makeDefaultNetwork } = await import('./make-network.ts')
    conflist = await makeDefaultNetwork(root, runRoot)
  }
  for (const type of pluginTypes(conflist ?? (await readNetwork(root, name)))) findPlugin(type)
}

function pluginTypes({ plugins }: Conflist): string[] {
  return plugins.flatMap(({ type, ipam }) => [type, (ipam as { type?: string } | undefined)?.type ?? type])
}

function filesIn(directory: string): Map<string, string> {
  return new Map(FILES.map(name => [`/etc/${name}`, join(directory, 'etc', name)]))
}

function writeFiles(
  options: ContainerOptions,
  record: NetworkRecord,
  choice: NetworkChoice,
  { directory, runRoot, hostname }: NetworkInput,
): Map<string, string> {
  const files = filesIn(directory)
  const etc = join(directory, 'etc')
  inRoom(etc, () => mkdirSync(etc, { mode: 0o755 }))
  const writeAt = (path: string, content: string | Buffer): void =>
    // Whatever the umask: users of the container read it.
    inRoom(path, () => writeFileSync(path, content, { mode: 0o644 }))
  const write = (name: (typeof FILES)[number], content: string): void => writeAt(files.get(`/etc/${name}`)!, content)
  write('hosts', choice.kind === 'host' ? hostsOfHost(record) : hostsOf(record, {}))
  write('hostname', `${options.hostname || hostname}\n`)
  write('resolv.conf', formatResolver(chooseResolver(options, choice)))
  if (record.container === undefined) return files
  // Names and addresses are those of the network.
  const other = filesIn(containerDirectory(containersDirectory(runRoot), record.container))
  for (const [name, path] of other) if (existsSync(path)) writeAt(files.get(name)!, readFileSync(path))
  return files
}

function hostsOfHost(record: NetworkRecord): string {
  const extra = linesOf(record, '127.0.0.1').map(({ address, names }) => `${address}\t${names.join(' ')}\n`)
  return (readIfThere('/etc/hosts') ?? formatHosts([])) + extra.join('')
}

/** @param own address and names of the container, where it has any */
export function hostsOf(
  record: NetworkRecord,
  { own, gateway, peers = [] }: { own?: HostLine; gateway?: string; peers?: readonly HostLine[] },
): string {
  return formatHosts([...linesOf(record, gateway), ...(own === undefined ? [] : [own]), ...peers])
}

/** `host-gateway` means nothing where no way leads to the host. */
function linesOf({ extraHosts }: NetworkRecord, gateway: string | undefined): HostLine[] {
  return extraHosts.flatMap(({ name, address }) => {
    const known = address === 'host-gateway' ? gateway : address
    return known === undefined ? [] : [{ address: known, names: [name] }]
  })
}

/**
 * The host's, but for what the options say. In another network than the host's, what listens on its loopback cannot be
 * asked: systemd-resolved then says whom it asks itself.
 */
function chooseResolver({ dns, dnsSearch, dnsOptions }: ContainerOptions, { kind }: NetworkChoice): Resolver {
  const host = parseResolver(readIfThere('/etc/resolv.conf') ?? '')
  const usable = (servers: readonly string[]) => (kind === 'host' ? [...servers] : servers.filter(isReachable))
  let nameservers = usable(host.nameservers)
  if (nameservers.length === 0) nameservers = usable(parseResolver(readIfThere(UPSTREAM_RESOLVER) ?? '').nameservers)
  return {
    nameservers: dns?.length ? dns : nameservers,
    search: dnsSearch?.length ? dnsSearch : host.search,
    options: dnsOptions?.length ? dnsOptions : host.options,
  }
}

/**
 * The spec of a container that shares another one's network, as it is now. The namespace is named by a descriptor of this
 * process: a number of a process may be another's when init comes to it.
 *
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING
 */
export function shareNetwork(
  stateRoot: string,
  { container = '' }: NetworkRecord,
  spec: RuntimeSpec,
): ScopedFd & { readonly spec: RuntimeSpec } {
  const other = readRecord(stateRoot, container)
  const scoped = openOfInit(other, 'ns/net')
  if (scoped === undefined)
    throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'it has no network to share any more', {
      operation: `share the network of container ${other.managed?.name ?? container.slice(0, 12)}`,
    })
  return { ...scoped, spec: withNamespacePaths(spec, { network: `/proc/${process.pid}/fd/${scoped.fd}` }) }
}
