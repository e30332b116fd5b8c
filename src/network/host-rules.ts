/**
 * What a network needs of the host's firewall beside what plugins do. The rules are those of one network, so that they go with
 * it, whatever other stores and networks there are on the machine; they are there before the first plugin acts.
 *
 * Those that drop are in the table `mangle`: it is asked before `filter`, in which plugins, distributions and people
 * accept, and after the connection is known, which `raw` is not.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { reasonOfEnd } from '../util/how-ended.ts'
import type { Conflist } from './conflist.ts'

const execute = promisify(execFile)
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Words of iptables(8). */
interface Rule {
  readonly table: 'nat' | 'mangle' | 'filter'
  readonly chain: string
  readonly match: readonly string[]
}

const LOOPBACK = '127.0.0.0/8'

/** IPv4. For IPv6 all but those about loopback are the same: the kernel takes ::1 from no device at all. */
function rulesOf(conflist: Conflist): Rule[] {
  const { name, utsuwa } = conflist
  const bridge = bridgeOf(conflist)
  if (bridge === undefined) return []
  const comment = [
    '-m',
    'comment',
    '--comment',
    `utsuwa: ${utsuwa === undefined ? `network ${name} on ` : ''}${bridge}`,
  ]
  const drop = (chain: string, ...match: string[]): Rule => ({
    table: 'mangle',
    chain,
    match: [...match, ...comment, '-j', 'DROP'],
  })
  const loopback = [
    // The plugin portmap sets route_localnet, by which a container reaches the host's loopback (CVE-2020-8558).
    drop('PREROUTING', '-i', bridge, '-d', LOOPBACK),
    // The host's own connections to a port that is published there are not forwarded: these are its neighbours'.
    drop('FORWARD', '-o', bridge, '-m', 'conntrack', '--ctorigdst', LOOPBACK),
  ]
  // Whom a network leads to that people have described themselves, they have described.
  if (utsuwa === undefined) return loopback
  const fromElsewhere = ['!', '-i', bridge, '-o', bridge]
  if (utsuwa.internal)
    return [
      ...loopback,
      drop('FORWARD', ...fromElsewhere),
      drop('FORWARD', '-i', bridge, '!', '-o', bridge),
      drop('INPUT', '-i', bridge),
    ]
  const masquerade = ['-s', utsuwa.subnet, '!', '-o', bridge, ...comment, '-j', 'MASQUERADE']
  return [
    ...loopback,
    // Drop what no container asked for, except at a published port.
    drop('FORWARD', ...fromElsewhere, '-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT'),
    { table: 'nat', chain: 'POSTROUTING', match: masquerade },
  ]
}

/** Also of a network that people have described: `cni0` is what the plugin takes without a name. */
function bridgeOf({ plugins, utsuwa }: Conflist): string | undefined {
  const plugin = plugins.find(({ type }) => type === 'bridge')
  if (utsuwa !== undefined || plugin === undefined) return utsuwa?.bridge
  return typeof plugin.bridge === 'string' ? plugin.bridge : 'cni0'
}

/** What the plugin `firewall` makes for a bridge, and never takes away. */
function leftByFirewall({ utsuwa }: Conflist): Rule[] {
  if (utsuwa === undefined) return []
  const { bridge } = utsuwa
  const [first, second] = ['CNI-ISOLATION-STAGE-1', 'CNI-ISOLATION-STAGE-2']
  // As the plugin words them, the comment included.
  const comment = ['-m', 'comment', '--comment', 'CNI firewall plugin rules (ingressPolicy: same-bridge)']
  return [
    { table: 'filter', chain: first!, match: ['-i', bridge, '!', '-o', bridge, '-j', second!, ...comment] },
    { table: 'filter', chain: second!, match: ['-o', bridge, '-j', 'DROP', ...comment] },
  ]
}

/**
 * Makes those that are missing, also where they were flushed. The caller holds the lock on networks.
 * @throws UtsuwaError UNSUPPORTED without iptables, CNI_FAILED
 */
export async function addHostRules(network: Conflist): Promise<void> {
  const rules = rulesOf(network)
  const found = await Promise.all(rules.map(rule => iptables('-C', rule)))
  const missing = rules.filter((_, index) => found[index] !== undefined)
  for (const rule of missing) {
    // Before what others have there, which may accept; an address is translated after all that others say of it.
    const complaint = await iptables(rule.table === 'nat' ? '-A' : '-I', rule)
    if (complaint !== undefined)
      throw new UtsuwaError('CNI_FAILED', complaint, {
        operation: `make the rules of network ${network.name}`,
        hint: 'on a kernel without NAT there is --network none and host alone',
      })
  }
}

/** Idempotent. */
export async function removeHostRules(network: Conflist): Promise<void> {
  try {
    for (const rule of [...rulesOf(network), ...leftByFirewall(network)]) await iptables('-D', rule)
  } catch (error) {
    // Taken from the machine, it cannot be asked.
    if (!isUtsuwaError(error, 'UNSUPPORTED')) throw error
  }
}

/** @returns what it says where it fails */
async function iptables(action: '-A' | '-C' | '-D' | '-I', { table, chain, match }: Rule): Promise<string | undefined> {
  try {
    await execute('iptables', ['--wait', '-t', table, action, chain, ...match], { env: { PATH } })
    return undefined
  } catch (cause) {
    const { code, signal, stderr = '' } = cause as { code: number | null; signal: string | null; stderr?: string }
    if (!isErrno(cause, 'ENOENT')) return reasonOfEnd('iptables', { code, signal }, stderr)
    throw new UtsuwaError('UNSUPPORTED', 'there is no iptables on this machine', {
      operation: 'connect a container to a network',
      hint: 'apt-get install iptables, or use --network none or host',
      cause,
    })
  }
}
