/** `--network` and the flags that belong to it. */
import { isIP, isIPv4 } from 'node:net'
import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'
import { parsePorts } from './ports.ts'

/** What a container is connected to. */
export type NetworkChoice =
  | { readonly kind: 'none' | 'host' }
  | { readonly kind: 'container'; readonly container: string }
  | { readonly kind: 'network'; readonly name: string }

/** A line of /etc/hosts; `host-gateway` stands for the host, as the container sees it. */
export interface ExtraHost {
  readonly name: string
  readonly address: string
}

/** @throws UtsuwaError INVALID_ARGUMENT for what is neither known nor the name of a network, and for what does not go together */
export function chooseNetwork(options: ContainerOptions): NetworkChoice {
  const choice = parseNetwork(options.network ?? 'none')
  if (choice.kind === 'network') return choice
  const given = (['ports', 'ip', 'macAddress', 'networkAliases'] as const).find(name => isGiven(options[name]))
  if (given !== undefined)
    throw invalidOption(
      optionNames[given],
      `needs a network, and there is none with --network ${options.network ?? 'none'}`,
    )
  return choice
}

const optionNames = {
  ports: '--publish',
  ip: '--ip',
  macAddress: '--mac-address',
  networkAliases: '--network-alias',
} as const

const isGiven = (value: string | readonly string[] | undefined): boolean => value !== undefined && value.length > 0

function parseNetwork(text: string): NetworkChoice {
  if (text === 'none' || text === 'host') return { kind: text }
  const [, container] = /^container:(.+)$/.exec(text) ?? []
  if (container !== undefined) return { kind: 'container', container }
  checkNetworkName(text, '--network')
  return { kind: 'network', name: text }
}

/** @throws UtsuwaError INVALID_ARGUMENT that names the option */
export function checkNetworkName(name: string, option: string): void {
  if (/^[a-zA-Z0-9][\w.-]{0,127}$/.test(name)) return
  throw invalidOption(option, `${JSON.stringify(name)} is no name of a network`)
}

/** Whether files about names and addresses are made for a container: those of the image stay where it has no network. */
export function hasNetworkFiles({
  network = 'none',
  dns,
  dnsSearch,
  dnsOptions,
  extraHosts,
}: ContainerOptions): boolean {
  return network !== 'none' || [dns, dnsSearch, dnsOptions, extraHosts].some(option => option !== undefined)
}

/** `name:address`, or `name=address`. @throws UtsuwaError INVALID_ARGUMENT */
export function parseExtraHosts(texts: readonly string[]): ExtraHost[] {
  return texts.map(text => {
    const [, name = '', bracketed = ''] = /^([^:=\s]+)[:=](\S+)$/.exec(text) ?? []
    const address = bracketed.replace(/^\[(.*)\]$/, '$1')
    if (name === '' || (isIP(address) === 0 && address !== 'host-gateway'))
      throw invalidOption('--add-host', `${JSON.stringify(text)} is not name:address`)
    return { name, address }
  })
}

/** @throws UtsuwaError INVALID_ARGUMENT for what would not be what it says in the files or the network of a container */
export function checkNetworkOptions(options: ContainerOptions): void {
  const { dns = [], dnsSearch = [], dnsOptions = [], networkAliases = [], ip, macAddress } = options
  for (const address of dns)
    if (isIP(address) === 0) throw invalidOption('--dns', `${JSON.stringify(address)} is no address`)
  const words = { '--dns-search': dnsSearch, '--dns-option': dnsOptions, '--network-alias': networkAliases }
  for (const [option, texts] of Object.entries(words))
    for (const text of texts)
      if (!/^[!-~]+$/.test(text)) throw invalidOption(option, `${JSON.stringify(text)} is not one word`)
  if (ip !== undefined && !isIPv4(ip)) throw invalidOption('--ip', `${JSON.stringify(ip)} is no IPv4 address`)
  if (macAddress !== undefined && !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(macAddress))
    throw invalidOption('--mac-address', `${JSON.stringify(macAddress)} is no MAC address`)
  parsePorts(options.ports ?? [])
  parseExtraHosts(options.extraHosts ?? [])
}
