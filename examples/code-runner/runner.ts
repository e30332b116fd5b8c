/** Runs snippets that nobody has read, each in a container of its own that lives for this one run. */
import { createPool, type Pool, type PoolOptions } from 'utsuwa'

export interface Snippet {
  readonly language: string
  readonly source: string
  readonly stdin: string
}

/** What the service answers. */
export interface Report {
  readonly exitCode: number
  /** The signal that ended it. */
  readonly signal: string | null
  /** `wall` or `cpu`: the time that was over. */
  readonly timedOut: string | null
  readonly outOfMemory: boolean
  readonly stdout: string
  readonly stderr: string
  /** Whether it printed more than is kept. */
  readonly truncated: boolean
  readonly usage: {
    readonly cpuMilliseconds: number
    readonly memoryPeakBytes: number | null
    readonly processesPeak: number | null
  }
}

export interface RunnerOptions extends Pick<PoolOptions, 'root' | 'runRoot'> {
  /** An image with `sh` and `python3`. */
  readonly image: string
  /** Containers of each language that wait for a snippet. */
  readonly waiting: number
  /** Milliseconds that a snippet may take. */
  readonly timeout: number
  /** Milliseconds of CPU time that it may use. */
  readonly cpuTimeout: number
}

interface Language {
  readonly file: string
  readonly args: readonly string[]
}

const languages: Readonly<Record<string, Language>> = {
  python: { file: '/tmp/main.py', args: ['python3', '-I', '/tmp/main.py'] },
  shell: { file: '/tmp/main.sh', args: ['sh', '/tmp/main.sh'] },
}

/** What keeps a snippet from harming the machine and the other snippets. */
const confinement = {
  network: 'none',
  memory: '64MiB',
  memorySwap: '64MiB', // memory and swap together: no swap
  cpus: 1,
  pids: 32,
  maxOutput: 64 * 1024,
  user: '65534:65534',
  capDrop: ['ALL'],
  securityOpt: ['no-new-privileges'],
  // All that it can write to is memory, and counts as such.
  readonlyRootfs: true,
  tmpfs: ['/tmp:size=16m,mode=1777'],
} as const

export class Runner {
  readonly #pools: ReadonlyMap<string, Pool>

  private constructor(pools: ReadonlyMap<string, Pool>) {
    this.#pools = pools
  }

  /** Resolves when containers are waiting for snippets of every language. */
  static async open({ waiting, ...options }: RunnerOptions): Promise<Runner> {
    const pools = new Map<string, Pool>()
    for (const [name, { args }] of Object.entries(languages))
      pools.set(
        name,
        await createPool({ ...confinement, ...options, args, size: waiting, stdio: ['pipe', 'capture', 'capture'] }),
      )
    return new Runner(pools)
  }

  get languages(): string[] {
    return [...this.#pools.keys()]
  }

  /** @param signal ends the run; the promise rejects with its reason */
  async run({ language, source, stdin }: Snippet, signal: AbortSignal): Promise<Report> {
    const pool = this.#pools.get(language)
    if (pool === undefined) throw new RangeError(`no language ${language}`)
    const box = await pool.take({ files: { [languages[language]!.file]: source }, signal })
    const remove = (): void => void box.delete()
    signal.addEventListener('abort', remove, { once: true })
    if (signal.aborted) remove() // while it was being started
    try {
      // A snippet that ends without reading it is no failure.
      box.stdin?.on('error', () => undefined).end(stdin)
      const { exitCode, signal: endedBy, timedOut, oom, usage, stdout = '', stderr = '', truncated } = await box.wait()
      signal.throwIfAborted()
      return {
        exitCode,
        signal: endedBy ?? null,
        timedOut: timedOut ?? null,
        outOfMemory: oom !== undefined,
        stdout,
        stderr,
        truncated,
        usage: {
          cpuMilliseconds: Math.round((usage.cpuUserMicroseconds + usage.cpuSystemMicroseconds) / 1000),
          memoryPeakBytes: usage.memoryPeakBytes ?? null,
          processesPeak: usage.pidsPeak ?? null,
        },
      }
    } finally {
      signal.removeEventListener('abort', remove)
    }
  }

  /** Removes all containers, those that run too. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(pool => pool.close()))
  }
}
