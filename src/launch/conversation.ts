/**
 * What the launcher and native init say to each other, from the clone to the exec.
 *
 *     init → launcher   forked, barrier, ready, executing, seccomp_listener, failed, executable      (native/report.h)
 *     launcher → init   the answer to a barrier, the start
 *
 * The socket ends when init executes the container's command, or dies.
 */
import { closeSync } from 'node:fs'
import { UtsuwaError } from '../errors.ts'
import type { CompiledPlan } from '../plan/compile.ts'
import { type Operation, type OperationOf, reportKind } from '../plan/ops.ts'
import { type Launched, type ProcessExit, sys } from '../sys/index.ts'
import { isPeerGone } from '../util/errno.ts'
import { howEnded, signalName } from '../util/how-ended.ts'
import { sleep } from '../util/sleep.ts'
import { type ExecutableFile, parseExecutable } from './executable.ts'
import { operationError } from './failure.ts'
import { pidOf } from './process-files.ts'
import { waitReadable } from './readable.ts'

const REPORT_HEADER_SIZE = 12
const SIGKILL = 9
const BEFORE_EXEC = 'it could execute the command'
/** How long init may take to end when it has closed its socket. */
const END_MS = 1000
const REAP_POLL_MS = 2

export interface InitReport {
  readonly kind: (typeof reportKind.choices)[number]
  /** Index of the operation in the plan, counted through the stages join and init. */
  readonly index: number
  readonly errno: number
  readonly detail: string
  /** The detail as it came, for what is no text. */
  readonly bytes: Buffer
  /** A descriptor that came along. */
  readonly fd?: number
}

export function parseReport(data: Buffer): InitReport {
  return {
    kind: reportKind.choices[data.readUInt32LE(0)]!,
    index: data.readUInt32LE(4),
    errno: data.readInt32LE(8),
    detail: data.toString('utf8', REPORT_HEADER_SIZE),
    bytes: data.subarray(REPORT_HEADER_SIZE),
  }
}

/** The next one; undefined at the end of the socket. */
export async function receiveReport(socket: number): Promise<InitReport | undefined> {
  for (;;) {
    await waitReadable(socket)
    const message = sys.receive(socket)
    if (message === undefined) continue
    if (message.data.length === 0) return undefined
    const report = parseReport(message.data)
    return message.fd === undefined ? report : { ...report, fd: message.fd }
  }
}

/** `fd` is what init lends at the barrier `network`; the handler must not close it. */
export type BarrierHandler = (barrier: OperationOf<'barrier'>, fd: number | undefined) => Promise<Uint8Array>

/** Gets the descriptor of a seccomp listener, which it must close, and the PID of the process that is filtered. */
export type SeccompListenerHandler = (listenerFd: number, pid: number) => void

/** Whose child init is. */
export interface InitParent {
  /** Resolves when the first of two processes has ended, and is reaped. */
  ended(pidfd: number): Promise<void>
  /** Resolves when the container's process has ended, and is reaped. */
  exited(pidfd: number): Promise<ProcessExit>
}

/** This process. */
const ourselves: InitParent = {
  async ended(pidfd) {
    await waitReadable(pidfd)
    sys.pidfdWait(pidfd)
  },
  async exited(pidfd) {
    await waitReadable(pidfd)
    const exit = sys.pidfdWait(pidfd)
    if (exit === undefined) throw new UtsuwaError('INIT_FAILED', 'its pidfd says it ended, but it did not')
    return exit
  },
}

export class InitConversation {
  /** The container's process, in the caller's PID namespace. */
  pid: number
  pidfd: number
  readonly launched: Launched
  readonly #operations: readonly Operation[]
  readonly #socket: number
  readonly #parent: InitParent
  #open = true
  #announced = false
  #ended = false
  /** Whether the first process is to go on in a second one of which nothing was heard yet. */
  #mayFork: boolean
  #exit: Promise<ProcessExit> | undefined

  constructor(plan: CompiledPlan, socket: number, launched: Launched, parent: InitParent = ourselves) {
    this.#parent = parent
    this.#operations = [...plan.join, ...plan.init]
    this.#mayFork = this.#operations.some(({ op }) => op === 'fork')
    this.#socket = socket
    this.launched = launched
    this.pid = launched.pid
    this.pidfd = launched.pidfd
  }

  /**
   * Resolves when init waits for the start.
   * @param onBarrier answers where init waits for the launcher; its rejection kills init and is passed on
   * @throws UtsuwaError for the operation that failed; init has ended then
   */
  async ready(onBarrier: BarrierHandler): Promise<void> {
    for (;;) {
      const report = await this.#next()
      if (report === undefined) throw await this.#killed('the container was ready')
      if (report.kind === 'ready') return
      if (report.kind === 'barrier') await this.#answer(report, onBarrier)
      else if (report.kind === 'failed') throw this.#failure(report)
    }
  }

  /**
   * Lets init execute the command. Resolves when it has, which is the moment its program takes over.
   * @throws UtsuwaError when the command could not be executed
   */
  async start(onSeccompListener: SeccompListenerHandler): Promise<void> {
    await this.#send(Buffer.of(1), BEFORE_EXEC)
    await this.executed(onSeccompListener)
  }

  /**
   * For a process without a start gate: resolves when its command runs.
   * @throws UtsuwaError for the operation that failed; the process has ended then
   */
  async executed(onSeccompListener: SeccompListenerHandler): Promise<void> {
    const report = await this.#next(onSeccompListener)
    const files = report === undefined ? [] : await receiveExecutables(this.#socket)
    this.close()
    if (report !== undefined) throw this.#failure(report, files)
    if (!this.#announced) throw await this.#killed(BEFORE_EXEC)
  }

  /** SIGKILL; nothing happens when it has ended and was waited for. */
  kill(): void {
    this.signal(SIGKILL)
  }

  /** Nothing happens when it has ended. */
  signal(number: number): void {
    if (!this.#ended) sys.pidfdSendSignal(this.pidfd, number)
  }

  /** Kills init, reaps it, and closes everything. How it ended is of no interest. */
  async abort(): Promise<void> {
    this.kill()
    if (this.#open && this.#mayFork) await this.#hearOfFork().catch(() => undefined)
    this.close()
    this.kill()
    const { pid } = this
    await this.wait().catch(() => undefined)
    if (this.#mayFork) await reapGroup(pid)
  }

  /** What the first process has said before it was killed: the second is ours to kill and to reap. */
  async #hearOfFork(): Promise<void> {
    for (
      let report = await receiveReport(this.#socket);
      report !== undefined;
      report = await receiveReport(this.#socket)
    )
      if (report.kind === 'forked') return this.#follow(report.fd!)
      else if (report.fd !== undefined) closeSync(report.fd)
  }

  /** Resolves when the process has ended; it is reaped and its pidfd closed. */
  wait(): Promise<ProcessExit> {
    this.#exit ??= this.#reap()
    return this.#exit
  }

  async #reap(): Promise<ProcessExit> {
    try {
      return await this.#parent.exited(this.pidfd)
    } finally {
      closeSync(this.pidfd)
      this.#ended = true
    }
  }

  /** Lets go of the socket: init, if it still waits for its start on it, ends. */
  close(): void {
    if (this.#open) closeSync(this.#socket)
    this.#open = false
  }

  async #next(onSeccompListener?: SeccompListenerHandler): Promise<InitReport | undefined> {
    for (;;) {
      const report = await receiveReport(this.#socket)
      if (report?.kind === 'executing') this.#announced = true
      else if (report?.kind === 'forked') await this.#follow(report.fd!)
      else if (report?.kind === 'seccomp_listener') onSeccompListener?.(report.fd!, this.pid)
      else return report
    }
  }

  /** init went on in a child of ours (it had to, to enter a PID or time namespace); the first process is done. */
  async #follow(pidfd: number): Promise<void> {
    this.#mayFork = false
    await this.#parent.ended(this.pidfd)
    closeSync(this.pidfd)
    this.pidfd = pidfd
    // The PID in our own namespace: the one in init's message would be of another.
    this.pid = pidOf(pidfd) ?? 0
  }

  async #answer(report: InitReport, onBarrier: BarrierHandler): Promise<void> {
    try {
      const answer = await onBarrier(this.#operations[report.index] as OperationOf<'barrier'>, report.fd)
      await this.#send(answer, 'the container was ready')
    } finally {
      if (report.fd !== undefined) closeSync(report.fd)
    }
  }

  #failure({ index, errno, detail }: InitReport, files: readonly ExecutableFile[] = []): UtsuwaError {
    const operation = this.#operations[index]
    if (operation === undefined) return new UtsuwaError('INIT_FAILED', 'init could not read its plan', { errno })
    return operationError(operation, errno, detail, files)
  }

  async #send(message: Uint8Array, before: string): Promise<void> {
    try {
      sys.send(this.#socket, message)
    } catch (error) {
      throw isPeerGone(error) ? await this.#killed(before) : error
    }
  }

  /** The error of an init that has ended without a word; it is reaped where that is known. */
  async #killed(before: string): Promise<UtsuwaError> {
    // Where its end is waited for already, the pidfd is not ours to look at.
    const hasEnded = this.#exit !== undefined || (await waitReadable(this.pidfd, END_MS))
    const exit = hasEnded ? await this.wait().catch(() => undefined) : undefined
    return killed(before, exit)
  }
}

/**
 * A first process that is killed between its clone and its report leaves a child of ours without a pidfd. It ends by itself;
 * unreaped, it would keep the PID namespace that it has entered from ending.
 */
async function reapGroup(group: number): Promise<void> {
  for (const end = Date.now() + END_MS; !sys.reapGroup(group) && Date.now() < end; ) await sleep(REAP_POLL_MS)
}

/** What init says after `failed`, up to its end: of a command that was not executed, what the kernel read of it. */
export async function receiveExecutables(socket: number): Promise<ExecutableFile[]> {
  for (const files: ExecutableFile[] = []; ; ) {
    const report = await receiveReport(socket)
    if (report === undefined) return files
    if (report.kind === 'executable') files.push(parseExecutable(report))
  }
}

/** The socket has ended, and not by an exec. */
export function killedBeforeExec(): UtsuwaError {
  return killed(BEFORE_EXEC, undefined)
}

function killed(before: string, exit: ProcessExit | undefined): UtsuwaError {
  const { exitCode, signal } = exit ?? {}
  const end = { code: exitCode ?? null, signal: signal === undefined ? null : signalName(signal) }
  const how = exit === undefined || signal !== undefined ? 'was killed' : 'ended'
  const detail = exit === undefined ? '' : ` (${howEnded(end)})`
  return new UtsuwaError('INIT_FAILED', `init ${how} before ${before}${detail}`)
}
