/** One command of a caller: executed, perhaps disturbed, and judged. */
import { spawn } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stacks } from './processes.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export type Program = 'utsuwa' | 'utsuwa-oci'

export interface Command {
  readonly words: readonly string[]
  /** Default: `utsuwa`. */
  readonly program?: Program
  /** It waits for what may never come, so it is always ended. */
  readonly lasts?: boolean
  /** Its status, and what it prints, may be a container's; signals go to that. */
  readonly speaksForContainer?: boolean
  /** It has no reason to fail. */
  readonly mustSucceed?: boolean
}

export interface Disturbance {
  readonly how: 'KILL' | 'INT' | 'TERM' | 'STOP and KILL' | 'STOP and CONT'
  readonly afterMs: number
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly milliseconds: number
  readonly disturbance: Disturbance | undefined
  /** Where it waited, if it had to be killed for not ending. */
  readonly hung?: string
}

/** Generous, since the machine may be slow; no command has a reason to take as long. */
const BOUND_MS = 45_000
/** A command that waits for a paused container goes on when that does. */
const BOUND_THAWED_MS = 15_000
/** A first process of a container may be deaf to signals that are passed on to it. */
const DEAF_MS = 2000
const MOST_OUTPUT = 20_000
/** A container may hold the streams of the command for longer. */
const STREAMS_MS = 200

export function disturbanceFor(command: Command, random: Random): Disturbance | undefined {
  if (command.lasts) return { how: random.pick(['TERM', 'INT', 'KILL'] as const), afterMs: 300 + random.below(2500) }
  if (!random.chance(0.3)) return undefined
  const how = random.pick(['KILL', 'KILL', 'KILL', 'INT', 'TERM', 'STOP and KILL', 'STOP and CONT'] as const)
  return { how, afterMs: random.below(random.pick([100, 500, 1500])) }
}

export async function execute(world: World, command: Command, disturbance?: Disturbance): Promise<Ended> {
  const begin = performance.now()
  const [path, ...args] = world.words(command.program ?? 'utsuwa', command.words)
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], env: world.environment, cwd: world.scratch })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => {
      if (texts[name].length < MOST_OUTPUT) texts[name] += chunk
    })
  const exit = Promise.withResolvers<{ status: number | null; signal: NodeJS.Signals | null }>()
  const closed = Promise.withResolvers<void>()
  child.on('error', exit.reject)
  child.on('exit', (status, signal) => exit.resolve({ status, signal }))
  child.on('close', closed.resolve)
  using guard = new Guard(child.pid ?? 0)
  if (disturbance !== undefined) guard.disturb(disturbance, command.speaksForContainer ?? false)
  guard.bound()
  const { status, signal } = await exit.promise
  await Promise.race([closed.promise, sleep(STREAMS_MS)])
  child.stdout.destroy()
  child.stderr.destroy()
  const milliseconds = Math.round(performance.now() - begin)
  return {
    ...texts,
    status,
    signal,
    milliseconds,
    disturbance,
    ...(guard.hung === undefined ? {} : { hung: guard.hung }),
  }
}

/** What happens to a command at its times, until it has ended. */
class Guard implements Disposable {
  hung: string | undefined
  readonly #pid: number
  readonly #timers: NodeJS.Timeout[] = []

  constructor(pid: number) {
    this.#pid = pid
  }

  disturb({ how, afterMs }: Disturbance, deaf: boolean): void {
    const [first = 'KILL', second] = how.split(' and ')
    this.#at(afterMs, () => this.#send(first))
    if (second !== undefined) this.#at(afterMs + 200, () => this.#send(second))
    if (deaf && (how === 'INT' || how === 'TERM')) this.#at(afterMs + DEAF_MS, () => this.#send('KILL'))
  }

  bound(): void {
    this.#at(BOUND_MS, thaw)
    this.#at(BOUND_MS + BOUND_THAWED_MS, () => {
      this.hung = stacks(this.#pid)
      this.#send('KILL')
    })
  }

  #at(milliseconds: number, act: () => void): void {
    this.#timers.push(setTimeout(act, milliseconds))
  }

  /** Nothing else gets the number meanwhile: it is that of a child which has not been waited for. */
  #send(signal: string): void {
    if (this.#pid > 0 && existsSync(`/proc/${this.#pid}`)) process.kill(this.#pid, `SIG${signal}`)
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}

/** Lets all paused containers go on. */
function thaw(): void {
  for (const file of globSync('/sys/fs/cgroup/**/cgroup.freeze'))
    try {
      if (readFileSync(file, 'utf8').trim() === '1') writeFileSync(file, '0')
    } catch {
      // The cgroup has gone meanwhile.
    }
}

/** As it is typed, with what differs from run to run left out. */
export function spell(world: World, { program = 'utsuwa', words }: Command): string {
  const text = words.map(word => (/[\s'";$]/.test(word) ? `'${word}'` : word)).join(' ')
  return `${program} ${text.replaceAll(join(world.scratch, '..'), '.')}`
}
