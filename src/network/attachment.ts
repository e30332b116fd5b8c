/** Connecting a network namespace to a network, and letting go of it (CNI 1.0, "Section 3"). */
import { isUtsuwaError } from '../errors.ts'
import type { Conflist, PluginConfig } from './conflist.ts'
import { type PluginOptions, runPlugin } from './plugins.ts'

/** What a container wants of a network: the values of its capabilities. */
export interface RuntimeConfig {
  readonly portMappings?: readonly {
    readonly hostIP?: string
    readonly hostPort: number
    readonly containerPort: number
    readonly protocol: string
  }[]
  /** With their prefix lengths. */
  readonly ips?: readonly string[]
  readonly mac?: string
}

/** CNI 1.0, "Success": what plugins have made. */
export interface CniResult {
  readonly cniVersion?: string
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[]
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly interface?: number }[]
}

export interface NetworkAttachment {
  readonly containerId: string
  readonly ifName: string
  /** As it was when the container was connected: that is what has to be undone. */
  readonly conflist: Conflist
  readonly runtimeConfig: RuntimeConfig
  /** That of the last plugin that has answered: plugins find by it what they have to undo. Undefined before the first. */
  readonly result?: CniResult
}

/** Options of `connect`. */
export interface ConnectOptions extends PluginOptions {
  /** Called with each plugin's result before the next plugin runs. */
  readonly keep: (result: CniResult) => void
}

/**
 * @param netns path of the network namespace
 * @throws UtsuwaError as `runPlugin`; to be undone by `disconnect` with the last result
 */
export async function connect(
  attachment: NetworkAttachment,
  netns: string,
  { keep, ...options }: ConnectOptions,
): Promise<void> {
  const { conflist, containerId, ifName } = attachment
  let { result } = attachment
  for (const plugin of pluginsOf(attachment)) {
    const call = { command: 'ADD', containerId, ifName, netns } as const
    const answer = (await runPlugin(plugin.type, call, configOf(attachment, plugin, result), options)) as
      | CniResult
      | undefined
    result = { cniVersion: conflist.cniVersion, ...(answer ?? result) }
    keep(result)
  }
}

/**
 * In reverse order, each with the last result, whether connecting came to its end or not. Once more is harmless.
 * @param netns '' where the namespace no longer exists: addresses and rules of the host are released nevertheless
 * @throws UtsuwaError as `runPlugin`; the others have been asked then, too, but for what gives addresses back
 */
export async function disconnect(attachment: NetworkAttachment, netns: string, options?: PluginOptions): Promise<void> {
  const { containerId, ifName, result } = attachment
  let failure: unknown
  for (const plugin of pluginsOf(attachment).toReversed())
    try {
      // No other container gets an address to which rules may still lead.
      if (failure !== undefined && plugin.ipam !== undefined) continue
      const call = { command: 'DEL', containerId, ifName, netns } as const
      await runPlugin(plugin.type, call, configOf(attachment, plugin, result), options)
    } catch (error) {
      // One that was taken from the machine cannot be asked; what it made may have to be looked for by hand.
      if (!isUtsuwaError(error, 'UNSUPPORTED')) failure ??= error
    }
  if (failure !== undefined) throw failure
}

/** portmap without ports does nothing, and would take as long as others that do. */
function pluginsOf({ conflist, runtimeConfig }: NetworkAttachment): readonly PluginConfig[] {
  return conflist.plugins.filter(({ type }) => type !== 'portmap' || (runtimeConfig.portMappings?.length ?? 0) > 0)
}

/** "Deriving execution configuration from plugin configuration". */
function configOf(
  { conflist, runtimeConfig }: NetworkAttachment,
  plugin: PluginConfig,
  prevResult?: CniResult,
): object {
  const { capabilities = {}, ...config } = plugin
  const wanted = Object.entries(runtimeConfig).filter(([name]) => capabilities[name] === true)
  return {
    ...config,
    cniVersion: conflist.cniVersion,
    name: conflist.name,
    ...(wanted.length > 0 && { runtimeConfig: Object.fromEntries(wanted) }),
    prevResult,
  }
}
