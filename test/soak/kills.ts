/** Processes of ours are killed outright: monitors, first processes of containers, what unpacks, what cleans up. */
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Process, processes } from './processes.ts'
import type { Random } from './random.ts'

export interface Kill {
  readonly kind: Victim
  readonly pid: number
  readonly commandLine: string
}

const kinds = {
  monitor: ({ commandLine }) => commandLine.startsWith('utsuwa-monitor'),
  'clean-up': ({ commandLine }) => commandLine.includes('container-ended'),
  init: ({ executable }) => executable.startsWith('/memfd:'),
  reaper: ({ first, executable }) => first && basename(executable) === 'reaper',
  applier: ({ executable }) => basename(executable) === 'applier',
  plugin: ({ executable, commandLine }) => /\/cni\//.test(executable) || /\/plugins\/\w/.test(commandLine),
  'first process': ({ first }) => first,
} as const satisfies Record<string, (process: Process) => boolean>

export type Victim = keyof typeof kinds

/** How a process ends that is not to know of it: at once, or after it has been held up. */
const ways = [['KILL'], ['KILL'], ['STOP', 'KILL']] as const

/**
 * Kills one process: kinds of which there are few get as much as others.
 * @param spared tells of those that stay: their containers are to come through
 */
export async function killOne(random: Random, spared: (process: Process) => boolean): Promise<Kill | undefined> {
  const all = processes().filter(process => process.state !== 'Z' && !spared(process))
  const there = Object.entries(kinds).flatMap(([kind, is]) => {
    const found = all.filter(is)
    return found.length === 0 ? [] : [{ kind: kind as Victim, found }]
  })
  if (there.length === 0) return undefined
  const { kind, found } = random.pick(there)
  const [victim, way] = [random.pick(found), random.pick(ways)]
  for (const signal of way) {
    if (signal === 'KILL' && way.length > 1) await sleep(200)
    send(victim.pid, signal)
  }
  return { kind, pid: victim.pid, commandLine: victim.commandLine }
}

/** Nothing happens to one that has ended. */
export function send(pid: number, signal: 'KILL' | 'STOP'): void {
  try {
    process.kill(pid, `SIG${signal}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
