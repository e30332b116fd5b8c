/**
 * What a network needs of the host beside what plugins do: one rule by which its containers speak to the world with the
 * host's address. It is there for as long as the network is, whatever becomes of containers.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { reasonOfEnd } from '../util/how-ended.ts'
import type { NetworkProperties } from './conflist.ts'

const execute = promisify(execFile)
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

type Rule = Pick<NetworkProperties, 'subnet' | 'bridge' | 'internal'>

const ruleOf = ({ subnet, bridge }: Rule): string[] => {
  const match = ['-s', subnet, '!', '-o', bridge, '-m', 'comment', '--comment', `utsuwa: ${bridge}`]
  return ['POSTROUTING', ...match, '-j', 'MASQUERADE']
}

/** Nothing happens where it is there already. @throws UtsuwaError UNSUPPORTED without iptables, CNI_FAILED */
export async function addMasquerade(network: Rule): Promise<void> {
  if (network.internal || (await iptables('-C', network)) === undefined) return
  const complaint = await iptables('-A', network)
  if (complaint === undefined) return
  throw new UtsuwaError('CNI_FAILED', complaint, {
    operation: `masquerade the network ${network.subnet}`,
    hint: 'on a kernel without NAT there is --network none and host alone',
  })
}

/** One that is gone is fine. */
export async function removeMasquerade(network: Rule): Promise<void> {
  if (!network.internal) await iptables('-D', network)
}

/** @returns what it says where it fails */
async function iptables(action: '-A' | '-C' | '-D', network: Rule): Promise<string | undefined> {
  try {
    await execute('iptables', ['--wait', '-t', 'nat', action, ...ruleOf(network)], { env: { PATH } })
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
