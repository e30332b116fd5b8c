/** The most memory that a program and what it starts have had, as the kernel counts it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Peak {
  readonly exitCode: number | null
  readonly stderr: string
  /** Bytes of resident memory: the peaks of all processes added up, which they need not have had at once. */
  readonly bytes: number
}

const EVERY = 10

export async function peakMemoryOf(program: string, args: readonly string[]): Promise<Peak> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const peaks = new Map<number, number>()
  const ended = once(child, 'close')
  while (isRunning(child)) {
    // The kernel's mark of the highest level falls only with the process, so little can be missed.
    for (const pid of withDescendants(child.pid!)) peaks.set(pid, Math.max(peaks.get(pid) ?? 0, highWaterMark(pid)))
    await Promise.race([ended, sleep(EVERY)])
  }
  await ended
  return { exitCode: child.exitCode, stderr, bytes: [...peaks.values()].reduce((sum, bytes) => sum + bytes, 0) }
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null

function highWaterMark(pid: number): number {
  return 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(procFile(pid, 'status'))?.[1] ?? 0)
}

function withDescendants(root: number): number[] {
  const found = [root]
  const parents = readdirSync('/proc').flatMap(name => {
    const parent = /^\d+$/.test(name) ? /\) . (\d+) /.exec(procFile(Number(name), 'stat'))?.[1] : undefined
    return parent === undefined ? [] : [[Number(name), Number(parent)] as const]
  })
  for (const pid of found) found.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child))
  return found
}

/** Empty where the process has ended. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    return ''
  }
}
