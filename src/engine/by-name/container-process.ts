/** One more process in a container, in the hands of a program. */

import type { InitConversation } from '../../launch/conversation.ts'
import { DEFAULT_PATH, mergeEnvironment } from '../../options/env.ts'
import type { ContainerOptions } from '../../options/options.ts'
import { capabilitySets } from '../../options/runtime-spec.ts'
import { resolveUser } from '../../options/user.ts'
import { exec, hasStopped } from '../../runtime/exec.ts'
import { completeProcess } from '../../runtime/exec-process.ts'
import { parseSignal } from '../../runtime/kill.ts'
import { openRootOfInit } from '../../runtime/state/first-process.ts'
import { type ContainerRecord, readRecord, readSpec } from '../../runtime/state/record.ts'
import { whileRunning } from '../../runtime/while-running.ts'
import { CAPABILITIES } from '../../spec/capabilities.ts'
import type { Process, RuntimeSpec } from '../../spec/runtime.ts'
import { orAborted, throwIfAborted } from '../../util/aborted.ts'
import { exitStatus } from '../../util/exit-status.ts'
import { signalName } from '../../util/how-ended.ts'
import { checkTimeouts, type TimedOut, type TimeoutOptions, Timeouts } from '../end/timeouts.ts'
import { containerFileReader } from '../files/container-files.ts'
import { type CapturedText, ignoreRejection } from '../streams/capture.ts'
import { ProcessStreams } from '../streams/process-streams.ts'
import { openStdio, type StdioOptions, type Streams } from '../streams/stdio.ts'

/** Options of a process in a container; what is left out is as for the container's own command. */
export interface SpawnOptions
  extends StdioOptions,
    TimeoutOptions,
    Pick<ContainerOptions, 'env' | 'cwd' | 'user' | 'terminal'> {
  /** All capabilities, whatever the container's command has. Default: false. */
  readonly privileged?: boolean
  /** With `terminal`: a connected Unix socket that gets the terminal's master, with its name as the message. */
  readonly consoleSocketFd?: number
  /** Kills the process; the promise in flight rejects with ABORTED. */
  readonly signal?: AbortSignal
}

/** Options of `exec`. */
export interface ExecOptions extends SpawnOptions {
  /** Told when the command runs, to write to its streams or signal it. */
  readonly onStart?: (process: ContainerProcess) => void
}

/** How a process of `exec` ended. */
export interface ExecResult extends CapturedText {
  /** The command's exit status, or 128 + the signal that ended it, as a shell has it. */
  readonly exitCode: number
  /** Such as `SIGKILL`; undefined when it exited by itself. */
  readonly signal: string | undefined
  readonly timedOut: TimedOut | undefined
  /** CPU time of the process and of those children that it waited for. */
  readonly cpuUserMicroseconds: number
  readonly cpuSystemMicroseconds: number
}

/**
 * Runs a command in a container and waits for its end.
 * @throws UtsuwaError when it could not be run; a command that fails is a result, not an error
 */
export async function runInContainer(
  stateRoot: string,
  id: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  return runProcess(() => spawnInContainer(stateRoot, id, args, options), options)
}

/** Waits for the end of what `spawn` starts. */
export async function runProcess(
  spawn: () => Promise<ContainerProcess>,
  { onStart }: Pick<ExecOptions, 'onStart'>,
): Promise<ExecResult> {
  const process = await spawn()
  onStart?.(process)
  return process.wait()
}

/**
 * Starts a command in a container. What the options leave out is as for the container's own command.
 * @returns when the command runs
 * @throws UtsuwaError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE; CONTAINER_STATE when it is paused,
 *   CONTAINER_NOT_RUNNING when it has ended or ends meanwhile; ABORTED
 */
export async function spawnInContainer(
  stateRoot: string,
  id: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<ContainerProcess> {
  checkTimeouts(options)
  using streams = await openStdio(options.terminal ? { stdio: 'ignore' } : options)
  try {
    const launched = await orAborted(options.signal, () => launchProcess(stateRoot, id, args, options, streams.fds))
    return new ContainerProcess(launched, streams, options)
  } catch (error) {
    streams.close()
    throw error
  }
}

/** What the options of a process that nobody waits for can say. */
export type DetachedOptions = Pick<SpawnOptions, 'env' | 'cwd' | 'user' | 'privileged'>

/**
 * Starts a command in a container that goes on when this process ends. Its standard streams are /dev/null.
 * @returns its PID, when it runs
 * @throws UtsuwaError as `spawnInContainer`
 */
export async function spawnDetachedInContainer(
  stateRoot: string,
  id: string,
  args: readonly string[],
  options: DetachedOptions = {},
): Promise<number> {
  return (await launchProcess(stateRoot, id, args, options, [-1, -1, -1])).pid
}

async function launchProcess(
  stateRoot: string,
  id: string,
  args: readonly string[],
  options: SpawnOptions,
  stdio: readonly [number, number, number],
): Promise<InitConversation> {
  const record = readRecord(stateRoot, id)
  const { consoleSocketFd, signal } = options
  return whileRunning(record, 'exec in container', async () =>
    exec(stateRoot, id, processFor(args, readSpec(stateRoot, id), options, record), {
      stdio,
      ...(consoleSocketFd === undefined ? {} : { consoleSocketFd }),
      ...(signal === undefined ? {} : { signal }),
    }),
  )
}

function processFor(
  args: readonly string[],
  spec: RuntimeSpec,
  options: SpawnOptions,
  record: ContainerRecord,
): Process {
  const { process: own } = spec
  const { env = [], cwd = own?.cwd ?? '/', user: asked, terminal = false, privileged = false } = options
  const user = asked === undefined ? undefined : userOf(asked, record)
  // Another user has another home, which execInContainer fills in.
  const inherited = (own?.env ?? [DEFAULT_PATH]).filter(entry => user === undefined || !entry.startsWith('HOME='))
  const bounding = privileged ? [...CAPABILITIES] : (own?.capabilities?.bounding ?? [])
  const { uid } = user ?? own?.user ?? { uid: 0 }
  return completeProcess(
    {
      args: [...args],
      ...(terminal && { terminal }),
      env: mergeEnvironment(terminal ? ['TERM=xterm', ...inherited] : inherited, env, process.env),
      cwd,
      user: user ?? own?.user ?? { uid: 0, gid: 0 },
      ...(user === undefined && !privileged ? {} : { capabilities: capabilitySets([...bounding], uid) }),
      ...(own?.noNewPrivileges === undefined ? {} : { noNewPrivileges: own.noNewPrivileges }),
    },
    spec,
  )
}

function userOf(user: string, record: ContainerRecord): Process['user'] {
  using root = openRootOfInit(record) ?? hasStopped(`exec in container ${record.id}`)
  const { uid, gid, additionalGids } = resolveUser(user, containerFileReader(root.fd))
  return { uid, gid, ...(additionalGids.length > 0 && { additionalGids }) }
}

/** A process in a container, started with `spawn`. */
export class ContainerProcess extends ProcessStreams implements AsyncDisposable {
  /** In this process's PID namespace. */
  readonly pid: number
  readonly #process: InitConversation
  readonly #streams: Streams
  readonly #signal: AbortSignal | undefined
  readonly #timeouts: Timeouts
  readonly #result: Promise<ExecResult>

  /** Use `spawn` of a container. */
  constructor(process: InitConversation, streams: Streams, options: SpawnOptions) {
    super(streams)
    this.pid = process.pid
    this.#process = process
    this.#streams = streams
    this.#signal = options.signal
    this.#timeouts = new Timeouts(options, undefined, this.#abort)
    options.signal?.addEventListener('abort', this.#abort, { once: true })
    if (options.signal?.aborted) this.#abort() // while it was being started
    // At once, so that it is reaped although nobody waits.
    this.#result = this.#finish()
    this.#result.catch(ignoreRejection)
  }

  /**
   * Resolves when the command has ended and, with `capture`, every process that has its output has closed it.
   * @throws UtsuwaError ABORTED when its AbortSignal fired
   */
  wait(): Promise<ExecResult> {
    return this.#result
  }

  /**
   * Nothing happens when it has ended.
   * @param signal name or number. Default: SIGTERM.
   * @throws UtsuwaError INVALID_ARGUMENT
   */
  kill(signal: string | number = 'SIGTERM'): void {
    this.#process.signal(parseSignal(String(signal)))
  }

  /** Kills it if it runs, and closes its streams; what it had printed can still be read. */
  async [Symbol.asyncDispose](): Promise<void> {
    // First: what is still to be written to it is no error, as it would be once its other end is gone.
    this.stdin?.destroy()
    this.#process.kill()
    await this.#process.wait().catch(ignoreRejection)
    this.#streams.close()
    await this.#result.catch(ignoreRejection)
  }

  /** @internal Another process may still write to what it printed to. */
  get hasOpenStreams(): boolean {
    return this.#streams.isOpen()
  }

  readonly #abort = (): void => this.#process.kill()

  async #finish(): Promise<ExecResult> {
    const exit = await this.#process.wait()
    this.#timeouts[Symbol.dispose]()
    this.#streams.drain()
    this.#signal?.removeEventListener('abort', this.#abort)
    const captured = await this.#streams.captured()
    throwIfAborted(this.#signal)
    return {
      exitCode: exitStatus(exit),
      signal: exit.signal === undefined ? undefined : signalName(exit.signal),
      timedOut: this.#timeouts.expired,
      ...captured,
      cpuUserMicroseconds: exit.userMicroseconds,
      cpuSystemMicroseconds: exit.systemMicroseconds,
    }
  }
}
