import { execFileSync } from 'node:child_process'
import type { Invariant } from './invariant.ts'

export const firewall: Invariant = {
  name: 'firewall',
  observe: () => ['iptables-save', 'ip6tables-save', 'iptables-legacy-save'].flatMap(rulesOf),
}

/** Without comments, which tell the time, and counters. @returns nothing where the program is not installed */
function rulesOf(program: string): string[] {
  return save(program)
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => `${program}: ${line.replace(/ \[\d+:\d+\]$/, '')}`)
}

function save(program: string): string {
  try {
    return execFileSync(program, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
