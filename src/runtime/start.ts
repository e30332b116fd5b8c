/** `start`: tells a created container's init to execute its command, from whichever process. */

import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import { type InitReport, killedBeforeExec, receiveExecutables, receiveReport } from '../launch/conversation.ts'
import type { ExecutableFile } from '../launch/executable.ts'
import { execError } from '../launch/failure.ts'
import { sys } from '../sys/index.ts'
import { errnos, isPeerGone } from '../util/errno.ts'
import { runHooks } from './hooks.ts'
import { NotifyRelay } from './notify.ts'
import { sendSeccompListener } from './seccomp-listener.ts'
import { openInit, signalInit } from './state/first-process.ts'
import {
  type ContainerRecord,
  containerDirectory,
  lockContainer,
  readRecord,
  readSpec,
  startSocketName,
} from './state/record.ts'
import { withStartFailure } from './state/start-failure.ts'
import { containerStatus } from './state/status.ts'
import { formatState } from './state.ts'

const SIGKILL = 9

export interface RuntimeStartOptions {
  /** Host path of the service manager's socket, $NOTIFY_SOCKET, for a container that was created with `notify`. */
  readonly notifySocket?: string | undefined
}

export interface Started {
  /** Resolves when the service manager knows that the container is ready, at once where it does not want to. */
  readonly ready: Promise<void>
}

/**
 * Resolves when the command runs.
 * @throws UtsuwaError CONTAINER_STATE unless the container is `created`; the reason, when the command cannot be executed
 */
export async function start(
  stateRoot: string,
  id: string,
  { notifySocket }: RuntimeStartOptions = {},
): Promise<Started> {
  using container = await lockContainer(stateRoot, id)
  const record = readRecord(stateRoot, id)
  refuseUnlessCreated(stateRoot, record)
  refuseWithoutProcess(record)
  const directory = containerDirectory(stateRoot, id)
  const relay = notifySocket === undefined ? undefined : NotifyRelay.open(directory, notifySocket)
  try {
    await execute(stateRoot, record)
    if (record.managed !== undefined) container.write({ ...record, started: new Date().toISOString() })
    await runPoststartHooks(record)
  } catch (error) {
    relay?.[Symbol.dispose]()
    if (record.managed !== undefined) container.write(withStartFailure(record, error))
    throw error
  }
  return { ready: relay === undefined ? Promise.resolve() : relayReadiness(relay, record) }
}

async function relayReadiness(relay: NotifyRelay, record: ContainerRecord): Promise<void> {
  using _relay = relay
  const pidfd = openInit(record)
  if (pidfd === undefined) return
  try {
    await relay.untilReady(record.pid, pidfd)
  } finally {
    closeSync(pidfd)
  }
}

async function execute(stateRoot: string, record: ContainerRecord): Promise<void> {
  const { id } = record
  const socket = tellToStart(join(containerDirectory(stateRoot, id), startSocketName))
  try {
    const report = await nextReport(socket, listener =>
      sendSeccompListener(readSpec(stateRoot, id), record, record.pid, listener),
    )
    if (report !== undefined) throw startError(record, report, await receiveExecutables(socket))
  } finally {
    closeSync(socket)
  }
}

/** @throws UtsuwaError INVALID_SPEC when its spec has no process: such a container can be created, and no more */
export function refuseWithoutProcess({ startOperations }: ContainerRecord): void {
  if (startOperations.length === 0)
    throw new UtsuwaError('INVALID_SPEC', 'process must be given to start a container', { configPointer: '/process' })
}

/** @throws UtsuwaError for the first that fails; the container is killed then (runtime.md, "Lifecycle", step 9) */
export async function runPoststartHooks(record: ContainerRecord, signal?: AbortSignal): Promise<void> {
  try {
    await runHooks(record.poststart, '/hooks/poststart', formatState(record, 'running'), record.bundle, signal)
  } catch (error) {
    signalInit(record, SIGKILL)
    throw error
  }
}

/** @returns the socket that init reports over; @throws UtsuwaError INIT_FAILED when nobody is there any more */
function tellToStart(path: string): number {
  let socket: number | undefined
  try {
    socket = sys.connect('seqpacket', path)
    sys.send(socket, Buffer.of(1))
    return socket
  } catch (error) {
    if (socket !== undefined) closeSync(socket)
    const errno = isUtsuwaError(error) ? error.errno : undefined
    throw errno === errnos.ECONNREFUSED || isPeerGone(error) ? killedBeforeExec() : error
  }
}

/**
 * Undefined when the socket ends by the exec of the command.
 * @throws UtsuwaError INIT_FAILED when it ends before
 */
async function nextReport(
  socket: number,
  onSeccompListener: (listenerFd: number) => void,
): Promise<InitReport | undefined> {
  for (let announced = false; ; ) {
    const report = await receiveReport(socket).catch(tellOfReset)
    if (report?.kind === 'executing') announced = true
    else if (report?.kind === 'seccomp_listener') onSeccompListener(report.fd!)
    else if (report !== undefined || announced) return report
    else throw killedBeforeExec()
  }
}

/** An end with a word unread on the other side is a reset: init was killed before it accepted. */
function tellOfReset(error: unknown): never {
  throw isUtsuwaError(error) && error.errno === errnos.ECONNRESET ? killedBeforeExec() : error
}

function refuseUnlessCreated(stateRoot: string, record: ContainerRecord): void {
  const status = containerStatus(stateRoot, record)
  if (status === 'created') return
  const reason =
    status === 'stopped'
      ? 'cannot start a container that has stopped'
      : status === 'running'
        ? 'cannot start an already running container'
        : `cannot start a container in the ${status} state`
  throw new UtsuwaError('CONTAINER_STATE', reason, { operation: `start container ${record.id}` })
}

function startError(
  { startOperations }: ContainerRecord,
  { index, errno, detail }: InitReport,
  files: readonly ExecutableFile[],
): UtsuwaError {
  const failed = startOperations.find(operation => operation.index === index)
  if (files.length > 0) return execError(failed?.pointer ?? '', errno, detail, files)
  return new UtsuwaError('KERNEL_OPERATION_FAILED', detail || undefined, {
    operation: failed?.operation ?? 'start container',
    errno,
    ...(failed === undefined || failed.pointer === '' ? {} : { configPointer: failed.pointer }),
  })
}
