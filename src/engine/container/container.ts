/** A container in the hands of a program: started, looked at, waited for, removed. */
import type { CgroupSample } from '../../cgroup/stats/sample.ts'
import type { InitConversation } from '../../launch/conversation.ts'
import type { UpdateOptions } from '../../options/options.ts'
import { resourcesOf } from '../../options/resources.ts'
import { kill, parseSignal } from '../../runtime/kill.ts'
import { pause, resume } from '../../runtime/pause.ts'
import { sendSeccompListener } from '../../runtime/seccomp-listener.ts'
import { refuseWithoutProcess, runPoststartHooks, start } from '../../runtime/start.ts'
import { cgroupDirectory, findCgroupDirectory } from '../../runtime/state/cgroup-directory.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import type { ContainerRecord } from '../../runtime/state/record.ts'
import { type ContainerStats, stats } from '../../runtime/stats.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'
import { orAborted, throwIfAborted } from '../../util/aborted.ts'
import type { ContainerProcess, ExecOptions, ExecResult, SpawnOptions } from '../by-name/container-process.ts'
import { removeManaged } from '../by-name/remove.ts'
import { type KeepOptions, keepEnded, keepsUnstarted, keepUnstarted } from '../end/keep-ended.ts'
import { type Outcome, outcomeOf } from '../end/outcome.ts'
import { type CpuTimeoutOptions, type TimedOut, Timeouts } from '../end/timeouts.ts'
import type { Archive, CopyInArchiveOptions, CopyOptions, CopyOutOptions } from '../files/copy.ts'
import type { Files } from '../files/files.ts'
import { ignoreRejection } from '../streams/capture.ts'
import { type ContainerEvent, EventFeed } from '../streams/container-events.ts'
import { ProcessStreams } from '../streams/process-streams.ts'
import { SampleFeed, type SamplesOptions } from '../streams/samples.ts'
import type { Streams } from '../streams/stdio.ts'
import type { RunResult } from './result.ts'
import { type Marks, phasesOf, timelineOf } from './timeline.ts'

export interface ContainerContext {
  readonly spec: RuntimeSpec
  readonly stateRoot: string
  readonly runRoot: string
  readonly marks: Marks
  readonly options: CpuTimeoutOptions & KeepOptions
}

/**
 * A container that this process has created and that ends with it, unless it is detached.
 *
 * @example
 * await using box = await create({ image: 'debian:test', args: ['sleep', 'inf'] })
 * await box.start()
 */
export class Container extends ProcessStreams implements AsyncDisposable {
  /** 64 hexadecimal digits. */
  readonly id: string
  readonly name: string | undefined
  /** The first process, in this process's PID namespace. */
  readonly pid: number
  readonly #record: ContainerRecord
  readonly #init: InitConversation
  readonly #streams: Streams
  readonly #context: ContainerContext
  readonly #events: EventFeed
  #sampleFeeds: SampleFeed[] = []
  /** Those of `spawn` that have streams open here. */
  readonly #processes = new Set<ContainerProcess>()
  #outcome: Promise<Outcome> | undefined
  #timeouts: Timeouts | undefined
  #result: Promise<RunResult> | undefined
  /** Nothing is left to be kept of it, or all is: it is deleted, or did not start. */
  #isSettled = false

  /** Use `create`. */
  constructor(record: ContainerRecord, init: InitConversation, streams: Streams, context: ContainerContext) {
    super(streams)
    this.id = record.id
    this.name = record.managed?.name
    this.pid = init.pid
    this.#record = record
    this.#init = init
    this.#streams = streams
    this.#context = context
    this.#events = new EventFeed(findCgroupDirectory(record))
    context.options.signal?.addEventListener('abort', this.#kill, { once: true })
    if (context.options.signal?.aborted) this.#kill() // a moment ago
  }

  /**
   * Resolves when the command runs. Its timeouts run from here on. A container with `keepUnstarted` that does not start
   * counts as ended afterwards.
   * @throws UtsuwaError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE, or what else keeps it from running; UNSUPPORTED for a
   *   `cpuTimeout` without a cgroup, which alone knows the CPU time
   */
  async start(): Promise<void> {
    try {
      await this.#unlessAborted(() => this.#start())
    } catch (error) {
      if (keepsUnstarted(this.#context.options)) await this.#keepUnstarted(error)
      throw error
    }
  }

  async #start(): Promise<void> {
    const { marks, options, spec } = this.#context
    refuseWithoutProcess(this.#record)
    const cgroup = options.cpuTimeout === undefined ? undefined : cgroupDirectory(this.#record)
    marks.starting = performance.now()
    if (this.#isDetached) await start(this.#context.stateRoot, this.id)
    else await this.#init.start((listener, pid) => sendSeccompListener(spec, this.#record, pid, listener))
    marks.started = performance.now()
    this.#timeouts = new Timeouts(options, cgroup, which => this.#expire(which))
    this.#events.started()
    appendEvent(this.#context.runRoot, 'start', this.#record)
    if (!this.#isDetached) await runPoststartHooks(this.#record, options.signal)
  }

  /**
   * Resolves when the command has ended and, unless it is kept, the container is removed. One that a timeout killed is
   * a result as well: `timedOut` says so. What could not be removed is for `onWarning`.
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
    const number = parseSignal(String(signal))
    kill(this.#context.stateRoot, this.id, number)
    appendEvent(this.#context.runRoot, 'kill', this.#record, { signal: String(number), by: 'program' })
  }

  /**
   * Runs one more command in it and waits for its end.
   * @throws UtsuwaError when it could not be run; a command that fails is a result, not an error
   */
  async exec(args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    // Loaded when needed: most containers run one command.
    const { runProcess } = await import('../by-name/container-process.ts')
    const result = await runProcess(() => this.spawn(args, options), options)
    // Killed with the container, it has a result even so.
    throwIfAborted(this.#context.options.signal)
    return result
  }

  /**
   * Starts one more command in it.
   * @throws UtsuwaError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE; CONTAINER_STATE when it is paused,
   *   CONTAINER_NOT_RUNNING when it has ended or ends meanwhile; ABORTED
   */
  async spawn(args: readonly string[], options: SpawnOptions = {}): Promise<ContainerProcess> {
    const { spawnInContainer } = await import('../by-name/container-process.ts')
    const process = await this.#unlessAborted(() => spawnInContainer(this.#context.stateRoot, this.id, args, options))
    this.#processes.add(process)
    const forget = (): void => {
      if (!process.hasOpenStreams) this.#processes.delete(process)
    }
    process.wait().then(forget, forget)
    return process
  }

  /**
   * What happens to it from now on, up to its end: `start`, `pause`, `resume`, `oom`, and last `exit`. Several may
   * listen. Of a container that has ended it is the exit alone.
   *
   * @param options `signal` ends the iteration with ABORTED
   * @example for await (const { type } of box.events()) if (type === 'oom') return
   */
  events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ContainerEvent, void, undefined> {
    const events = this.#events.subscribe(signal)
    this.#ended().catch(ignoreRejection)
    return events
  }

  /**
   * Writes files into it, in place of what has their names; links in the container are followed inside it. Missing
   * directories are made with mode 0755. Before the start it works as well.
   *
   * @example await box.copyIn({ '/etc/app.json': JSON.stringify(settings), '/run.sh': { content, mode: 0o755 } })
   * @throws UtsuwaError CONTAINER_NOT_RUNNING, INVALID_ARGUMENT, NO_SPACE, KERNEL_OPERATION_FAILED, ABORTED
   */
  async copyIn(files: Files, options: CopyOptions = {}): Promise<void> {
    const { copyFilesIn } = await import('../files/copy.ts')
    await this.#unlessAborted(() => copyFilesIn(this.#record, files, options))
  }

  /**
   * The same for the entries of a tar archive, with their owners, modes and times, but without extended attributes.
   *
   * @param archive not compressed
   * @throws UtsuwaError as `copyIn`; CORRUPT_LAYER and UNSAFE_LAYER for the archive, UNSUPPORTED for devices in it
   */
  async copyInArchive(archive: Archive, options: CopyInArchiveOptions = {}): Promise<void> {
    const { copyArchiveIn } = await import('../files/copy.ts')
    await this.#unlessAborted(() => copyArchiveIn(this.#record, archive, options))
  }

  /**
   * Reads a file of it; links are followed inside it.
   *
   * @example const report = await box.copyOut('/out/report.json')
   * @throws UtsuwaError CONTAINER_NOT_RUNNING, INVALID_ARGUMENT unless it is a regular file, LIMIT_EXCEEDED, ABORTED
   */
  async copyOut(path: string, options: CopyOutOptions = {}): Promise<Buffer> {
    const { copyFileOut } = await import('../files/copy.ts')
    return this.#unlessAborted(() => copyFileOut(this.#record, path, options))
  }

  /**
   * A directory of it as a tar archive, with names that begin with `./`. What is mounted below it is left out.
   * @throws UtsuwaError, from the iteration, as `copyOut`; UNSUPPORTED without GNU tar
   */
  async *copyOutArchive(path: string, options: CopyOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    const { copyArchiveOut } = await import('../files/copy.ts')
    yield* copyArchiveOut(this.#record, path, options)
  }

  /** What it uses now. @throws UtsuwaError CONTAINER_NOT_RUNNING when it has ended */
  stats(): ContainerStats {
    return stats(this.#context.stateRoot, this.id)
  }

  /**
   * What the files of its cgroup say, again and again from now on; the last sample is taken after its end. `parseSample`
   * makes figures of one.
   *
   * @example for await (const { files } of box.samples({ intervalMs: 10 })) show(files["memory.current"])
   * @throws UtsuwaError UNSUPPORTED without a cgroup of its own, INVALID_ARGUMENT, CGROUP_ERROR
   */
  samples(options: SamplesOptions = {}): AsyncGenerator<CgroupSample, void, undefined> {
    const feed = new SampleFeed(cgroupDirectory(this.#record), options)
    this.#sampleFeeds = [...this.#sampleFeeds.filter(each => !each.hasEnded), feed]
    this.#ended().catch(ignoreRejection)
    return feed.iterate()
  }

  /**
   * New limits; those that are not given stay.
   * @throws UtsuwaError CONTAINER_STATE when it has ended; CGROUP_ERROR with the file that refused its value
   */
  async update(limits: UpdateOptions): Promise<void> {
    const { update } = await import('../../runtime/update.ts')
    await update(this.#context.stateRoot, this.id, resourcesOf(limits))
  }

  /** Stops all its processes where they are. @throws UtsuwaError CONTAINER_STATE unless it is created or running */
  async pause(): Promise<void> {
    await pause(this.#context.stateRoot, this.id)
    this.#events.look()
  }

  /** @throws UtsuwaError CONTAINER_STATE unless it is paused */
  async resume(): Promise<void> {
    await resume(this.#context.stateRoot, this.id)
    this.#events.look()
  }

  /**
   * Kills it if it runs, and removes all of it, volumes without a name too. Everything that is open for it in this process
   * is closed; what it had printed can still be read. A container that is gone is fine.
   */
  async delete(): Promise<void> {
    // First: what is still to be written to it is no error, as it would be once its other end is gone.
    this.stdin?.destroy()
    try {
      await this.#remove()
    } finally {
      this.#streams.close()
      await Promise.all([...this.#processes].map(process => process[Symbol.asyncDispose]()))
    }
  }

  async #remove(): Promise<void> {
    this.#stopWatching()
    this.#isSettled = true
    // The monitor of a detached one has to know first that it is to be removed.
    if (!this.#isDetached) await this.#init.abort()
    await removeManaged(this.#context.runRoot, this.id, this.name, { force: true, volumes: true })
    if (this.#isDetached) await this.#init.abort()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.delete()
  }

  get #isDetached(): boolean {
    return this.#record.managed?.detached !== undefined
  }

  /** The signal of `create` ends what is under way, be it only because it kills the container. */
  #unlessAborted<T>(work: () => Promise<T>): Promise<T> {
    return orAborted(this.#context.options.signal, work)
  }

  readonly #kill = (): void => this.#init.kill()

  #expire(which: TimedOut): void {
    this.#kill()
    const { timeout, cpuTimeout } = this.#context.options
    const limit = String(which === 'wall' ? timeout : cpuTimeout)
    appendEvent(this.#context.runRoot, 'kill', this.#record, { signal: '9', by: `${which}-timeout`, limit })
  }

  #stopWatching(): void {
    this.#timeouts?.[Symbol.dispose]()
    this.#context.options.signal?.removeEventListener('abort', this.#kill)
  }

  #ended(): Promise<Outcome> {
    this.#outcome ??= this.#init.wait().then(exit => {
      this.#context.marks.ended = performance.now()
      for (const feed of this.#sampleFeeds) feed.end()
      this.#streams.drain()
      const outcome = outcomeOf(this.#record, exit)
      this.#events.ended(outcome.exitCode, outcome.signal, outcome.oom?.kills ?? 0)
      if (this.#isDetached) return outcome
      if (outcome.oom !== undefined) appendEvent(this.#context.runRoot, 'oom', this.#record)
      appendEvent(this.#context.runRoot, 'die', this.#record, { exitCode: String(outcome.exitCode) })
      return outcome
    })
    return this.#outcome
  }

  async #finish(): Promise<RunResult> {
    const { marks, options } = this.#context
    const outcome = await this.#ended()
    this.#stopWatching()
    // How the command ended is what its caller asked for: what is left of it is for the next `containers`.
    const onWarning = options.onWarning ?? (() => undefined)
    // After a detached one its monitor cleans up.
    if (!this.#isDetached) await this.#cleanUp(outcome, onWarning).catch(onWarning)
    marks.removed = performance.now()
    this.#streams.drain() // what others of its processes had open
    const captured = await this.#streams.captured()
    throwIfAborted(options.signal)
    const timeline = timelineOf(marks)
    return { ...outcome, timedOut: this.#timeouts?.expired, ...captured, phases: phasesOf(timeline), timeline }
  }

  async #cleanUp(outcome: Outcome, onWarning: (warning: unknown) => void): Promise<void> {
    if (this.#record.managed?.removeOnExit) await this.#remove()
    else if (!this.#isSettled) await keepEnded(this.#context.stateRoot, this.#record, outcome, onWarning)
  }

  async #keepUnstarted(error: unknown): Promise<void> {
    this.#stopWatching()
    this.#isSettled = true
    if (this.#isDetached) {
      // Its monitor takes note. Loaded when needed.
      const { keeperOf, untilEndIsNoted } = await import('../end/ending.ts')
      return untilEndIsNoted(this.#context.stateRoot, this.id, keeperOf(this.#record))
    }
    await this.#init.abort()
    this.#streams.close()
    await keepUnstarted(this.#context, this.#record, error)
  }
}
