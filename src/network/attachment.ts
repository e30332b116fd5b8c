/** Connecting a network namespace to a network, and letting go of it (CNI 1.0, "Section 3"). */
import { isUtsuwaError } from '../errors.ts'
import type { Conflist, PluginConfig } from './conflist.ts'
import { runPlugin } from './plugins.ts'

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

export interface Attachment {
  readonly containerId: string
  readonly ifName: string
  /** As it was when the container was connected: that is what has to be undone. */
  readonly conflist: Conflist
  readonly runtimeConfig: RuntimeConfig
  /** Undefined until it is connected. */
  readonly result?: CniResult
}

/** @param netns path of the network namespace. @throws UtsuwaError as `runPlugin`; nothing is left then */
export async function connect(attachment: Attachment, netns: string, signal?: AbortSignal): Promise<CniResult> {
  const { conflist, containerId, ifName } = attachment
  let result: CniResult | undefined
  try {
    for (const plugin of pluginsOf(attachment)) {
      const call = { command: 'ADD', containerId, ifName, netns } as const
      result = (await runPlugin(plugin.type, call, configOf(attachment, plugin, result), signal)) as CniResult
    }
    return { cniVersion: conflist.cniVersion, ...result }
  } catch (error) {
    // "Adding an attachment": those that have succeeded have something to undo.
    await disconnect(attachment, netns).catch(() => undefined)
    throw error
  }
}

/**
 * In reverse order, each with the last result. Once more is harmless.
 * @param netns '' where the namespace is gone: addresses and rules of the host are given back nevertheless
 * @throws UtsuwaError as `runPlugin`; the others have been asked then, too
 */
export async function disconnect(attachment: Attachment, netns: string): Promise<void> {
  const { containerId, ifName, result } = attachment
  let failure: unknown
  for (const plugin of pluginsOf(attachment).toReversed())
    try {
      const call = { command: 'DEL', containerId, ifName, netns } as const
      await runPlugin(plugin.type, call, configOf(attachment, plugin, result))
    } catch (error) {
      // One that was taken from the machine cannot be asked; what it made may have to be looked for by hand.
      if (!isUtsuwaError(error, 'UNSUPPORTED')) failure ??= error
    }
  if (failure !== undefined) throw failure
}

/** portmap without ports does nothing, and would take as long as others that do. */
function pluginsOf({ conflist, runtimeConfig }: Attachment): readonly PluginConfig[] {
  return conflist.plugins.filter(({ type }) => type !== 'portmap' || (runtimeConfig.portMappings?.length ?? 0) > 0)
}

/** "Deriving execution configuration from plugin configuration". */
function configOf({ conflist, runtimeConfig }: Attachment, plugin: PluginConfig, prevResult?: CniResult): object {
  const { capabilities = {}, ...config } = plugin
  const wanted = Object.entries(runtimeConfig).filter(([name]) => capabilities[name] === true)
  return {
    ...config,
    cniVersion: conflist.cniVersion,
    name: conflist.name,
    ...(wanted.length > 0 && { runtimeConfig: Object.fromEntries(wanted) }),
    ...(prevResult !== undefined && { prevResult }),
  }
}
