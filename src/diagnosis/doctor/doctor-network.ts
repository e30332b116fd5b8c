/** Findings about what networks of containers need. */

import { isUtsuwaError } from '../../errors.ts'
import { bridgePlugins } from '../../network/conflist.ts'
import { findPlugin } from '../../network/plugins.ts'
import { findProgram } from '../../util/find-program.ts'
import type { Finding } from './finding.ts'

const IPTABLES_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin']

/** @param iptables where that is looked for */
export function checkNetworks(iptables: readonly string[] = IPTABLES_DIRECTORIES): Finding[] {
  const missing = bridgePlugins(false).filter(type => !isThere(type))
  const plugins: Finding =
    missing.length === 0
      ? { id: 'network.plugins', status: 'ok', message: `CNI plugins ${bridgePlugins(false).join(', ')}` }
      : {
          id: 'network.plugins',
          status: 'warn',
          message: `CNI plugins ${missing.join(', ')} are missing: there is --network none and host alone`,
          fix: 'apt-get install containernetworking-plugins',
        }
  if (findProgram('iptables', iptables) !== undefined)
    return [plugins, { id: 'network.iptables', status: 'ok', message: 'iptables' }]
  const message = 'iptables is missing: there is --network none and host alone'
  return [plugins, { id: 'network.iptables', status: 'warn', message, fix: 'apt-get install iptables' }]
}

function isThere(type: string): boolean {
  try {
    findPlugin(type)
    return true
  } catch (error) {
    if (isUtsuwaError(error, 'UNSUPPORTED')) return false
    throw error
  }
}
