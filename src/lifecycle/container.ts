/** A container in the hands of a program: created, started, waited for, removed. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ContainerOptions } from '../config/options.ts'
import { UtsuwaError } from '../errors.ts'
import type { InitConversation } from '../launch/conversation.ts'
import type { CompiledPlan } from '../plan/compile.ts'
import type { RuntimeSpec } from '../spec/runtime.ts'
import { createContainer } from './create.ts'
import { planContainer } from './creation.ts'
import { deleteContainer, removeCgroupOf } from './delete.ts'
import { killContainer, parseSignal } from './kill.ts'
import { containersDirectory, freeName, takeName } from './names.ts'
import { outcomeOf, type RunResult } from './outcome.ts'
import { type ContainerSource, prepare, prepareForPlan } from './prepare.ts'
import {
  addRecord,
  type ContainerRecord,
  emptyRecord,
  findRecord,
  type LockedContainer,
  lockContainer,
  type ManagedRecord,
} from './record.ts'
import { sendSeccompListener } from './seccomp-listener.ts'
import { refuseWithoutProcess, runPoststartHooks } from './start.ts'
import { openStdio, type Stdio, type Streams } from './stdio.ts'

export interface Roots {
  /** Directory of images and snapshots. Default: /var/lib/utsuwa. */
  readonly root?: string
  /** Directory of what is known of containers, gone with a reboot. Default: /run/utsuwa. */
  readonly runRoot?: string
}

export interface CreateOptions extends ContainerSource, ContainerOptions, Roots {
  /** Remove the container when it has ended. Default: false for `create`, true for `run`. */
  readonly removeOnExit?: boolean
  /** Default: `inherit`. With `terminal` the streams are the terminal's, and this is ignored. */
  readonly stdio?: Stdio
  /** With `terminal`: a connected Unix socket that gets the terminal's master, with its name as the message. */
  readonly consoleSocketFd?: number
  /** Kills the container; the promise in flight rejects with ABORTED. */
  readonly signal?: AbortSignal
}

export const DEFAULT_ROOT = '/var/lib/utsuwa'
export const DEFAULT_RUN_ROOT = '/run/utsuwa'

const ROOTFS_MOUNT_POINT = 'rootfs'

/** Times on the monotonic clock in milliseconds, where one phase ends and the next begins. */
interface Marks {
  begin: number
  prepared: number
  created: number
  starting: number
  started: number
}

/**
 * Makes a container from an image, a directory, a bundle or a runtime spec, up to the moment before its command runs.
 * It ends with this process.
 *
 * @throws UtsuwaError; nothing of the container is left then
 */
export async function create(options: CreateOptions): Promise<Container> {
  const { root: storeRoot = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT, signal } = options
  throwIfAborted(signal)
  const marks: Marks = { begin: performance.now(), prepared: 0, created: 0, starting: 0, started: 0 }
  const id = randomBytes(32).toString('hex')
  const stateRoot = containersDirectory(runRoot)
  const managed = describe(options, storeRoot)
  const reserved = addRecord(stateRoot, emptyRecord(id, managed))
  try {
    if (options.name !== undefined) takeName(runRoot, options.name, id)
    return await build(options, { id, stateRoot, runRoot, storeRoot, managed, marks, reserved })
  } catch (error) {
    reserved[Symbol.dispose]()
    await remove(runRoot, id, managed.name)
    throw error
  }
}

function describe(options: CreateOptions, storeRoot: string): ManagedRecord {
  return {
    name: options.name,
    image: typeof options.image === 'object' ? options.image.reference : options.image,
    command: options.args ?? [],
    storeRoot: options.image === undefined ? undefined : storeRoot,
    removeOnExit: options.removeOnExit ?? false,
  }
}

interface Build {
  readonly id: string
  readonly stateRoot: string
  readonly runRoot: string
  readonly storeRoot: string
  readonly managed: ManagedRecord
  readonly marks: Marks
  readonly reserved: LockedContainer
}

async function build(options: CreateOptions, build: Build): Promise<Container> {
  const { id, stateRoot, runRoot, storeRoot, managed, marks, reserved } = build
  const mountPoint = join(reserved.directory, ROOTFS_MOUNT_POINT)
  mkdirSync(mountPoint, { mode: 0o700 })
  using prepared = await prepare({ id, source: options, options, storeRoot, mountPoint })
  using streams = await openStdio(options.terminal ? 'ignore' : (options.stdio ?? 'inherit'))
  marks.prepared = performance.now()
  const { record, init } = await createContainer({
    stateRoot,
    id,
    spec: prepared.spec,
    bundlePath: prepared.bundlePath,
    stdio: streams.fds,
    gate: 'report',
    endWithLauncher: true,
    managed: { ...managed, image: prepared.image, command: prepared.spec.process?.args ?? [] },
    reserved,
    ...(prepared.rootfsMountFd === undefined ? {} : { rootfsMountFd: prepared.rootfsMountFd }),
    ...(options.consoleSocketFd === undefined ? {} : { consoleSocketFd: options.consoleSocketFd }),
  }).catch((error: unknown) => {
    streams.abandon()
    throw error
  })
  marks.created = performance.now()
  return new Container(record, init, streams, {
    spec: prepared.spec,
    stateRoot,
    runRoot,
    marks,
    signal: options.signal,
  })
}

/** The kernel operations of a container, without making it. Needs no privileges for a directory or a bundle. */
export async function planOf(options: CreateOptions): Promise<CompiledPlan> {
  const { root: storeRoot = DEFAULT_ROOT } = options
  const id = options.name ?? 'ID'
  const mountPoint = join(containersDirectory(options.runRoot ?? DEFAULT_RUN_ROOT), id, ROOTFS_MOUNT_POINT)
  using prepared = await prepareForPlan({ id, source: options, options, storeRoot, mountPoint })
  return planContainer({
    stateRoot: '',
    id,
    spec: prepared.spec,
    bundlePath: prepared.bundlePath,
    gate: 'report',
    ...(prepared.rootfsMountFd === undefined ? {} : { rootfsMountFd: prepared.rootfsMountFd }),
  })
}

interface ContainerContext {
  readonly spec: RuntimeSpec
  readonly stateRoot: string
  readonly runRoot: string
  readonly marks: Marks
  readonly signal: AbortSignal | undefined
}

export class Container implements AsyncDisposable {
  /** 64 hexadecimal digits. */
  readonly id: string
  readonly name: string | undefined
  /** The first process, in this process's PID namespace. */
  readonly pid: number
  /** Streams of the container with `stdio: 'pipe'`. */
  readonly stdin: Socket | undefined
  readonly stdout: Socket | undefined
  readonly stderr: Socket | undefined
  readonly #record: ContainerRecord
  readonly #init: InitConversation
  readonly #context: ContainerContext
  #result: Promise<RunResult> | undefined
  #deleted = false

  /** Use `create`. */
  constructor(record: ContainerRecord, init: InitConversation, streams: Streams, context: ContainerContext) {
    this.id = record.id
    this.name = record.managed?.name
    this.pid = init.pid
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.#record = record
    this.#init = init
    this.#context = context
    context.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /**
   * Resolves when the command runs.
   * @throws UtsuwaError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE, or what else keeps it from running
   */
  async start(): Promise<void> {
    const { marks, signal } = this.#context
    throwIfAborted(signal)
    refuseWithoutProcess(this.#record)
    marks.starting = performance.now()
    await this.#init.start((listener, pid) => sendSeccompListener(this.#context.spec, this.#record, pid, listener))
    marks.started = performance.now()
    await runPoststartHooks(this.#record)
  }

  /**
   * Resolves when the command has ended and, unless it is kept, the container is removed.
   * @throws UtsuwaError ABORTED when its AbortSignal fired
   */
  wait(): Promise<RunResult> {
    this.#result ??= this.#finish()
    return this.#result
  }

  /**
   * @param signal name or number. Default: SIGTERM.
   * @throws UtsuwaError CONTAINER_NOT_RUNNING, INVALID_ARGUMENT
   */
  kill(signal: string | number = 'SIGTERM'): void {
    killContainer(this.#context.stateRoot, this.id, parseSignal(String(signal)))
  }

  /** Kills it if it runs, and removes all of it. A container that is gone is fine. */
  async delete(): Promise<void> {
    this.#context.signal?.removeEventListener('abort', this.#abort)
    this.#deleted = true
    await this.#init.abort()
    this.stdin?.destroy()
    await remove(this.#context.runRoot, this.id, this.name)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.delete()
  }

  readonly #abort = (): void => {
    this.#init.kill()
  }

  async #finish(): Promise<RunResult> {
    const { marks, signal } = this.#context
    const exit = await this.#init.wait()
    // Nobody reads it any more, and a pipe that nobody reads is not noticed until it is written to.
    this.stdin?.destroy()
    signal?.removeEventListener('abort', this.#abort)
    const result = outcomeOf(this.#record, exit, phasesOf(marks))
    if (this.#record.managed?.removeOnExit) await this.delete()
    else if (!this.#deleted) await this.#keep(result)
    throwIfAborted(signal)
    return result
  }

  /** The cgroup goes, the record learns how it ended, the root file system stays until the container is removed. */
  async #keep({ exitCode, oom }: RunResult): Promise<void> {
    using container = await lockContainer(this.#context.stateRoot, this.id)
    await removeCgroupOf(this.#record)
    const finished = new Date().toISOString()
    const exit = { exitCode, oom: oom !== undefined, finished }
    container.write({ ...this.#record, managed: { ...this.#record.managed!, exit } })
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new UtsuwaError('ABORTED', 'the container was killed', { cause: signal.reason })
}

function phasesOf({ begin, prepared, created, starting, started }: Marks): RunResult['phases'] {
  const microseconds = (from: number, to: number): number => Math.max(0, Math.round((to - from) * 1000))
  return {
    prepare: microseconds(begin, prepared),
    create: microseconds(prepared, created),
    start: microseconds(starting, started),
    run: microseconds(started, performance.now()),
  }
}

async function remove(runRoot: string, id: string, name: string | undefined): Promise<void> {
  const stateRoot = containersDirectory(runRoot)
  const owner = name ?? findRecord(stateRoot, id)?.managed?.name
  await deleteContainer(stateRoot, id, { force: true })
  if (owner !== undefined) freeName(runRoot, owner, id)
}
