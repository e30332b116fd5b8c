/** The interface of testcontainers, as far as it makes sense without a network between containers and the test. */

import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Container,
  type ContainerSource,
  type CreateOptions,
  create,
  type FileData,
  isUtsuwaError,
  pull,
  type Roots,
  UtsuwaError,
} from '../index.ts'
import { Logs } from './logs.ts'
import type { WaitStrategy } from './wait.ts'

/** Name of an image, which is pulled when it is missing; or a directory, a bundle, a spec, and where things are kept. */
export type ImageOrSource = string | (ContainerSource & Roots)

/** A file that goes into a container. */
export interface ContentToCopy {
  readonly content: string | Uint8Array
  /** Path in the container. */
  readonly target: string
  /** Permission bits. Default: 0o644. */
  readonly mode?: number
}

/** Options of `exec`. */
export interface ExecCommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly user?: string
  readonly workingDir?: string
}

/** How a command in a container ended. */
export interface ExecCommandResult {
  /** Standard output, then standard error. */
  readonly output: string
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** Options of `stop`. */
export interface StopOptions {
  /** Milliseconds that it has to end by itself after SIGTERM. Default: 10,000. */
  readonly timeout?: number
}

const STARTUP_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000
const LINES_IN_MESSAGE = 5

/**
 * Describes a container for a test; `start` makes one of it, any number of times.
 *
 * @example
 * await using database = await new GenericContainer('postgres:17')
 *   .withEnvironment({ POSTGRES_PASSWORD: 'secret' })
 *   .withWaitStrategy(Wait.forLogMessage('ready to accept connections', 2))
 *   .start()
 */
export class GenericContainer {
  readonly #source: ContainerSource & Roots
  #options: CreateOptions = {}
  #strategy: WaitStrategy | undefined
  #startupTimeout = STARTUP_TIMEOUT_MS

  constructor(image: ImageOrSource) {
    this.#source = typeof image === 'string' ? { image } : image
  }

  withCommand(command: readonly string[]): this {
    return this.#with({ args: command })
  }

  withEntrypoint(entrypoint: readonly string[]): this {
    return this.#with({ entrypoint })
  }

  /** Adds to what was given before. */
  withEnvironment(environment: Readonly<Record<string, string>>): this {
    return this.#with({ env: { ...(this.#options.env as Record<string, string> | undefined), ...environment } })
  }

  withName(name: string): this {
    return this.#with({ name })
  }

  withUser(user: string): this {
    return this.#with({ user })
  }

  withWorkingDir(workingDir: string): this {
    return this.#with({ cwd: workingDir })
  }

  withLabels(labels: Readonly<Record<string, string>>): this {
    return this.#with({ labels })
  }

  withPrivilegedMode(): this {
    return this.#with({ privileged: true })
  }

  withAddedCapabilities(...capabilities: string[]): this {
    return this.#with({ capAdd: capabilities })
  }

  withDroppedCapabilities(...capabilities: string[]): this {
    return this.#with({ capDrop: capabilities })
  }

  /** By path in the container, with options of the mount: `{ '/cache': 'size=64m' }`. */
  withTmpFs(mounts: Readonly<Record<string, string>>): this {
    return this.#with({
      tmpfs: Object.entries(mounts).map(([path, options]) => (options ? `${path}:${options}` : path)),
    })
  }

  withBindMounts(mounts: readonly { source: string; target: string; mode?: 'rw' | 'ro' }[]): this {
    return this.#with({ volumes: mounts.map(({ source, target, mode = 'rw' }) => `${source}:${target}:${mode}`) })
  }

  /** @param quota `memory` in GiB, `cpu` in CPUs' worth of time */
  withResourcesQuota({ memory, cpu }: { readonly memory?: number; readonly cpu?: number }): this {
    return this.#with({
      ...(memory === undefined ? {} : { memory: Math.round(memory * 1024 ** 3) }),
      ...(cpu === undefined ? {} : { cpus: cpu }),
    })
  }

  /** Adds to what was given before. */
  withCopyContentToContainer(contents: readonly ContentToCopy[]): this {
    return this.#with({ files: { ...this.#options.files, ...filesOf(contents) } })
  }

  withWaitStrategy(strategy: WaitStrategy): this {
    this.#strategy = strategy
    return this
  }

  /** @param milliseconds until it must be ready. Default: 60,000 */
  withStartupTimeout(milliseconds: number): this {
    this.#startupTimeout = milliseconds
    return this
  }

  /**
   * Resolves when it is ready.
   * @throws UtsuwaError TIMEOUT; CONTAINER_NOT_RUNNING when it ends before it is ready; what keeps it from being created
   */
  async start(): Promise<StartedContainer> {
    const container = await this.#create()
    try {
      const logs = new Logs(container.stdout!, container.stderr!)
      await container.start()
      await this.#ready(container, logs)
      return new StartedContainer(container, logs)
    } catch (error) {
      await container.delete()
      throw error
    }
  }

  async #create(): Promise<Container> {
    const options: CreateOptions = {
      ...this.#options,
      ...this.#source,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Of a test that is killed nobody needs it.
      removeOnExit: true,
    }
    try {
      return await create(options)
    } catch (error) {
      const { image, root } = this.#source
      if (typeof image !== 'string' || !isUtsuwaError(error, 'IMAGE_NOT_FOUND')) throw error
      await pull(image, root === undefined ? {} : { root })
      return create(options)
    }
  }

  async #ready(container: Container, logs: Logs): Promise<void> {
    if (this.#strategy === undefined) return
    const controller = new AbortController()
    const { signal } = controller
    const fail = (code: 'TIMEOUT' | 'CONTAINER_NOT_RUNNING', reason: string): never => {
      const printed = logs.tail(LINES_IN_MESSAGE)
      const operation = `wait until container ${container.id.slice(0, 12)} is ready`
      throw new UtsuwaError(code, printed === '' ? reason : `${reason}; it printed: ${printed}`, { operation })
    }
    const strategy = this.#strategy({ container, logs, signal })
    try {
      await Promise.race([
        strategy,
        sleep(this.#startupTimeout, undefined, { signal }).then(() =>
          fail('TIMEOUT', `it is not after ${this.#startupTimeout} ms`),
        ),
        // What it printed last may be what is waited for.
        endOf(container).then(async exitCode => {
          await Promise.race([strategy, sleep(AFTER_END_MS, undefined, { signal })])
          fail('CONTAINER_NOT_RUNNING', `it ended with exit code ${exitCode}`)
        }),
      ])
    } finally {
      controller.abort()
      strategy.catch(() => undefined)
    }
  }

  #with(options: CreateOptions): this {
    this.#options = { ...this.#options, ...options }
    return this
  }
}

function filesOf(contents: readonly ContentToCopy[]): Record<string, FileData> {
  return Object.fromEntries(
    contents.map(({ target, content, mode }) => [target, { content, ...(mode === undefined ? {} : { mode }) }]),
  )
}

const AFTER_END_MS = 1000

async function endOf(container: Container): Promise<number | undefined> {
  for await (const event of container.events()) if (event.type === 'exit') return event.exitCode
  return undefined
}

/** A container of a test that is ready. */
export class StartedContainer implements AsyncDisposable {
  /** All that utsuwa can do with it. */
  readonly container: Container
  readonly #logs: Logs

  /** Use `start` of a `GenericContainer`. */
  constructor(container: Container, logs: Logs) {
    this.container = container
    this.#logs = logs
  }

  getId(): string {
    return this.container.id
  }

  /** The id where it was given none. */
  getName(): string {
    return this.container.name ?? this.container.id
  }

  /** Runs a command in it. Text is given to `sh -c`. */
  async exec(command: string | readonly string[], options: ExecCommandOptions = {}): Promise<ExecCommandResult> {
    const { env, user, workingDir } = options
    const args = typeof command === 'string' ? ['sh', '-c', command] : command
    const result = await this.container.exec(args, {
      stdio: 'capture',
      ...(env === undefined ? {} : { env }),
      ...(user === undefined ? {} : { user }),
      ...(workingDir === undefined ? {} : { cwd: workingDir }),
    })
    const { stdout = '', stderr = '', exitCode } = result
    return { output: stdout + stderr, stdout, stderr, exitCode }
  }

  /** All that it has printed and prints, up to its end; of older output the last 16 MiB. */
  logs(): Promise<Readable> {
    return Promise.resolve(this.#logs.stream())
  }

  copyContentToContainer(contents: readonly ContentToCopy[]): Promise<void> {
    return this.container.copyIn(filesOf(contents))
  }

  /** SIGTERM, SIGKILL when that is not enough, and nothing is left of it. One that is gone is fine. */
  async stop({ timeout = STOP_TIMEOUT_MS }: StopOptions = {}): Promise<void> {
    const controller = new AbortController()
    try {
      this.container.kill('SIGTERM')
      await Promise.race([this.container.wait(), sleep(timeout, undefined, { signal: controller.signal })])
    } catch (error) {
      if (!isUtsuwaError(error, 'CONTAINER_NOT_RUNNING') && !isUtsuwaError(error, 'CONTAINER_NOT_FOUND')) throw error
    } finally {
      controller.abort()
    }
    await this.container.delete()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.container.delete()
  }
}
