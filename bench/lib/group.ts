/**
 * The processes of one contender, and what they cost together.
 *
 * They are born in a cgroup of their own, so that children are counted whoever started them. Its hierarchy keeps CPU
 * time without any controller; memory is sampled as the proportional set size of all members, because the memory
 * controller would count the page cache, which is the store's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const SAMPLE_MS = 50

export interface Cost {
  /** Seconds from start to end. */
  wall: number
  /** Seconds of CPU time, user and system, of all processes. */
  cpu: number
  /** Bytes, the highest sample. */
  memory: number
}

export class ProcessGroup implements AsyncDisposable {
  static readonly #all = new Set<ProcessGroup>()
  readonly #path: string

  constructor(name: string) {
    this.#path = join(hierarchy(), `utsuwa-bench-${process.pid}-${name}`)
    mkdirSync(this.#path)
    ProcessGroup.#all.add(this)
  }

  /** Ends the processes of all groups, so that whoever waits for one of them fails. */
  static killAll(): void {
    for (const group of ProcessGroup.#all) group.#kill()
  }

  start(command: readonly string[]): ChildProcess {
    const enter = ['-c', 'echo $$ >"$0" && exec "$@"', join(this.#path, 'cgroup.procs'), ...command]
    return spawn('sh', enter, { stdio: ['ignore', 'ignore', 'pipe'] })
  }

  /** Runs commands one after the other. @throws Error with what the failing one printed */
  async measure(commands: readonly (readonly string[])[]): Promise<Cost> {
    const cpuBefore = this.#cpu()
    const sampler = new AbortController()
    const sampling = this.#peakMemory(sampler.signal)
    const started = performance.now()
    try {
      for (const command of commands) await finished(this.start(command), command)
    } finally {
      sampler.abort()
    }
    const wall = (performance.now() - started) / 1000
    return { wall, cpu: this.#cpu() - cpuBefore, memory: await sampling }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill()
    for (;;) {
      if (this.#members().length === 0) break
      await sleep(SAMPLE_MS)
    }
    rmdirSync(this.#path)
    ProcessGroup.#all.delete(this)
  }

  #kill(): void {
    writeFileSync(join(this.#path, 'cgroup.kill'), '1')
  }

  #members(): string[] {
    return readFileSync(join(this.#path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
  }

  #cpu(): number {
    const stat = readFileSync(join(this.#path, 'cpu.stat'), 'utf8')
    return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) / 1e6
  }

  async #peakMemory(stop: AbortSignal): Promise<number> {
    let peak = 0
    while (!stop.aborted) {
      peak = Math.max(
        peak,
        this.#members().reduce((sum, pid) => sum + proportionalSize(pid), 0),
      )
      await sleep(SAMPLE_MS)
    }
    return peak
  }
}

async function finished(child: ChildProcess, command: readonly string[]): Promise<void> {
  let complaints = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    complaints += chunk
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code !== 0) throw new Error(`${command[0]} ended with ${signal ?? code}: ${complaints.trim().slice(-300)}`)
}

function proportionalSize(pid: string): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0 // It ended meanwhile.
  }
}

/** Where cgroup v2 is mounted; beside version 1 on hybrid machines. */
export function hierarchy(): string {
  const mount = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find(line => line.split(' ')[2] === 'cgroup2')
  if (mount === undefined) throw new Error('cgroup v2 is mounted nowhere')
  return mount.split(' ')[1]!
}
