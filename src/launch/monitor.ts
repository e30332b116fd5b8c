/**
 * Starting a monitor, and what it says: it makes init in place of this process, and is its parent when this process is
 * gone (docs/adr/0009-monitor.md).
 */
import { closeSync, openSync } from 'node:fs'
import { UtsuwaError } from '../errors.ts'
import { encodeHostStage } from '../plan/encode.ts'
import type { Operation } from '../plan/ops.ts'
import {
  isLaunchFailure,
  type Launched,
  type LaunchFailure,
  type ProcessExit,
  parseLaunchResult,
  sys,
} from '../sys/index.ts'
import { nativePath } from '../sys/native-path.ts'
import { isPeerGone } from '../util/errno.ts'
import { scopedFd } from '../util/scoped-fd.ts'
import { RecordWriter, vocabularyHash } from '../util/wire.ts'
import type { InitParent } from './conversation.ts'
import { type MonitorRequest, monitorVocabulary } from './monitor-request.ts'
import { waitAnyReadable, waitReadable } from './readable.ts'

/** Where monitors are: not with a container, whose cgroup is killed, nor with the caller, whose session may be. */
const MONITORS_CGROUP = '/utsuwa-monitors'
const REQUEST_FD = 3
const RESULT_OFFSET = 8
const MONITOR_KILLED = 'the monitor of the container was killed'

const hash = vocabularyHash(monitorVocabulary)

/** What a monitor gets; the descriptors stay open here. */
export interface MonitorInput
  extends Pick<
    MonitorRequest,
    | 'id'
    | 'directoryFd'
    | 'logDirectoryFd'
    | 'logName'
    | 'logMaxSize'
    | 'logMaxFiles'
    | 'stdinFd'
    | 'stdoutFd'
    | 'stderrFd'
    | 'consoleFd'
    | 'stdinOnce'
    | 'restart'
    | 'restartsLeft'
    | 'restartDelay'
    | 'ended'
    | 'environment'
  > {
  /** Where cgroup2 is mounted. */
  readonly cgroupMount: string | undefined
}

/** Handle to a monitor, in the process that has started it. */
export class Monitor implements InitParent {
  readonly #controlFd: number
  /** 0 until it has launched init. */
  pid = 0
  #open = true
  #exit: Promise<ProcessExit> | undefined

  /** Use `startMonitor`. */
  constructor(controlFd: number) {
    this.#controlFd = controlFd
  }

  /** Resolves when it has carried out the host stage. @throws UtsuwaError INIT_FAILED when it has failed itself */
  async launched(): Promise<Launched | LaunchFailure> {
    const message = await this.#receive()
    if (message === undefined) throw new UtsuwaError('INIT_FAILED', 'the monitor of the container could not begin')
    const result = parseLaunchResult(message.data.readInt32LE(0), message.data.subarray(RESULT_OFFSET))
    if (isLaunchFailure(result)) return result
    this.pid = message.data.readInt32LE(4)
    return { ...result, pidfd: message.fd! }
  }

  /**
   * The container is about to be recorded: from now on its monitor cleans up after it.
   * @throws UtsuwaError INIT_FAILED when it was killed
   */
  created(pid: number): void {
    const message = Buffer.alloc(4)
    message.writeUInt32LE(pid)
    try {
      sys.send(this.#controlFd, message)
    } catch (error) {
      throw isPeerGone(error) ? new UtsuwaError('INIT_FAILED', MONITOR_KILLED) : error
    }
  }

  async ended(pidfd: number): Promise<void> {
    await waitReadable(pidfd)
  }

  /** @throws UtsuwaError INIT_FAILED when the monitor was killed, so that the outcome is unknown */
  exited(): Promise<ProcessExit> {
    this.#exit ??= this.#receiveExit()
    return this.#exit
  }

  /** Hears no more of it. */
  close(): void {
    if (this.#open) closeSync(this.#controlFd)
    this.#open = false
  }

  async #receiveExit(): Promise<ProcessExit> {
    const message = await this.#receive()
    this.close()
    if (message === undefined) throw new UtsuwaError('INIT_FAILED', MONITOR_KILLED)
    const signal = message.data.readInt32LE(4)
    return {
      exitCode: signal === 0 ? message.data.readInt32LE(0) : undefined,
      signal: signal === 0 ? undefined : signal,
      userMicroseconds: 0,
      systemMicroseconds: 0,
    }
  }

  async #receive(): Promise<{ readonly data: Buffer; readonly fd: number | undefined } | undefined> {
    for (;;) {
      await waitAnyReadable([this.#controlFd])
      const message = sys.receive(this.#controlFd)
      if (message !== undefined) return message.data.length === 0 ? undefined : message
    }
  }
}

/**
 * Starts a monitor, which carries out a host stage.
 * @param fds as for `sys.launch`; they stay open here
 */
export async function startMonitor(
  input: MonitorInput,
  hostStage: Uint8Array,
  fds: readonly number[],
  planFd: number,
): Promise<Monitor> {
  const { cgroupMount, ...rest } = input
  const [control, theirs] = sys.socketpair('seqpacket')
  using _theirs = scopedFd(theirs)
  const given: number[] = []
  /** Under which number the monitor has a descriptor. */
  const give = (fd: number): number => (fd < 0 ? -1 : REQUEST_FD + given.push(fd))
  const own = {
    controlFd: give(theirs),
    directoryFd: give(rest.directoryFd),
    logDirectoryFd: give(rest.logDirectoryFd),
    stdinFd: give(rest.stdinFd),
    stdoutFd: give(rest.stdoutFd),
    stderrFd: give(rest.stderrFd),
    consoleFd: give(rest.consoleFd),
  }
  const firstLaunchFd = REQUEST_FD + given.length + 1
  const launchFds = encodeFds(fds.map(give))
  const request = { ...rest, ...own, op: 'begin', hash, hostStage, launchFds, firstLaunchFd, planFd } as const
  const writer = new RecordWriter(monitorVocabulary)
  writer.write(request)
  try {
    using requestFd = scopedFd(sys.sealedMemfd('utsuwa-request', writer.take()))
    await execute(cgroupMount, [requestFd.fd, ...given])
    return new Monitor(control)
  } catch (error) {
    closeSync(control)
    throw error
  }
}

/** It continues in a child of its own, an orphan: its first process is our child, and ends at once. */
async function execute(cgroupMount: string | undefined, fds: readonly number[]): Promise<void> {
  const host: Operation[] = [{ op: 'clone', flags: 0, pointer: '' }]
  if (cgroupMount !== undefined)
    host.unshift({
      op: 'create_cgroup',
      mount: cgroupMount,
      path: MONITORS_CGROUP,
      controllers: [],
      processes: 'accept',
      pointer: '',
    })
  // From its file, not a memfd: it is out of the reach of containers, and all monitors share its pages.
  using executable = scopedFd(openSync(nativePath('monitor'), 'r'))
  const result = await sys.launch(encodeHostStage({ host }), [executable.fd, -1, -1, -1, ...fds], REQUEST_FD)
  if (isLaunchFailure(result))
    throw new UtsuwaError('KERNEL_OPERATION_FAILED', undefined, {
      operation: 'start the monitor of the container',
      errno: result.errno,
    })
  await waitReadable(result.pidfd)
  sys.pidfdWait(result.pidfd)
  closeSync(result.pidfd)
}

function encodeFds(fds: readonly number[]): Buffer {
  const bytes = Buffer.alloc(fds.length * 4)
  for (const [index, fd] of fds.entries()) bytes.writeInt32LE(fd, index * 4)
  return bytes
}
