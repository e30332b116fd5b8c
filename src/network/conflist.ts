/** Networks as CNI describes them, and those that utsuwa makes: a bridge of the host, with addresses and NAT of its own. */
import { formatSubnet, type Subnet } from './subnets.ts'

/** CNI 1.0, "Plugin configuration objects". */
export interface PluginConfig {
  readonly type: string
  readonly capabilities?: Readonly<Record<string, boolean>>
  readonly [key: string]: unknown
}

/** CNI 1.0, "Section 1: Network configuration format". */
export interface Conflist {
  readonly cniVersion: string
  readonly name: string
  readonly plugins: readonly PluginConfig[]
  /** What utsuwa knows of a network that it has made. Plugins never see it. */
  readonly utsuwa?: NetworkProperties
}

export interface NetworkProperties {
  /** RFC 3339, UTC. */
  readonly created: string
  readonly labels: Readonly<Record<string, string>>
  /** Name of the bridge on the host. */
  readonly bridge: string
  /** Such as `10.87.0.0/16`. */
  readonly subnet: string
  readonly gateway: string
  /** Leads nowhere but to its own containers. */
  readonly internal: boolean
}

export interface BridgeNetwork {
  readonly name: string
  readonly cniVersion: string
  readonly bridge: string
  readonly subnet: Subnet
  readonly gateway: string
  readonly internal: boolean
  /** Bytes. Default: the kernel's, 1500. */
  readonly mtu?: number
  readonly labels: Readonly<Record<string, string>>
  /** Directory for what host-local knows of addresses. */
  readonly addressDirectory: string
}

/** Plugins of the networks that utsuwa makes. */
export const bridgePlugins = (internal: boolean): string[] =>
  internal ? ['bridge', 'host-local', 'firewall'] : ['bridge', 'host-local', 'portmap', 'firewall']

export function bridgeConflist(network: BridgeNetwork): Conflist {
  const { name, cniVersion, bridge, gateway, internal, mtu, labels, addressDirectory } = network
  const subnet = formatSubnet(network.subnet)
  return {
    cniVersion,
    name,
    utsuwa: { created: new Date().toISOString(), labels, bridge, subnet, gateway, internal },
    plugins: [
      {
        type: 'bridge',
        bridge,
        isGateway: !internal,
        // One rule for the whole network does that (host-rules.ts): this plugin makes one for each container, and leaves
        // it behind when the container's namespace has ended before it is asked.
        ipMasq: false,
        hairpinMode: true,
        mtu,
        capabilities: { ips: true, mac: true },
        ipam: {
          type: 'host-local',
          dataDir: addressDirectory,
          ranges: [[{ subnet, gateway }]],
          ...(!internal && { routes: [{ dst: '0.0.0.0/0' }] }),
        },
      },
      ...(internal ? [] : [{ type: 'portmap', capabilities: { portMappings: true } }]),
      // Lets its traffic pass where the host forwards nothing else, and keeps it from other networks, as docker does.
      { type: 'firewall', ingressPolicy: 'same-bridge' },
    ],
  }
}
