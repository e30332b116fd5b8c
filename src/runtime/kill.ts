/** `kill`: a signal to the container's first process, or to all of them. */
import { constants as osConstants } from 'node:os'
import { processesBelow } from '../cgroup/processes.ts'
import { killCgroup } from '../cgroup/remove.ts'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { findCgroupDirectory } from './state/cgroup-directory.ts'
import { signalInit } from './state/first-process.ts'
import { type ContainerRecord, readRecord } from './state/record.ts'
import { containerStatus } from './state/status.ts'

const SIGKILL = osConstants.signals.SIGKILL
const SIGRTMIN = 34
const SIGRTMAX = 64

/**
 * `TERM`, `SIGTERM`, `sigterm` or `15` → 15. 0 is allowed: it asks whether the process is there.
 * @throws UtsuwaError INVALID_ARGUMENT
 */
export function parseSignal(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : realTimeSignal(text)
  if (number !== undefined && number <= SIGRTMAX) return number
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG')
  const known = (osConstants.signals as Record<string, number>)[name]
  if (known !== undefined) return known
  throw new UtsuwaError('INVALID_ARGUMENT', `unknown signal ${JSON.stringify(text)}`)
}

/** `RTMIN+3`, `SIGRTMAX-1`, as kill(1) has them. */
function realTimeSignal(text: string): number | undefined {
  const [, base, offset = '0'] = /^(?:SIG)?RT(MIN|MAX)([+-]\d+)?$/i.exec(text) ?? []
  if (base === undefined) return undefined
  const number = (base.toUpperCase() === 'MIN' ? SIGRTMIN : SIGRTMAX) + Number(offset)
  return number < SIGRTMIN ? undefined : number
}

export interface KillOptions {
  /** Signal every process of the container, also below its cgroup; a stopped container's too. Default: false. */
  readonly all?: boolean
}

/** @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING */
export function kill(stateRoot: string, id: string, signal: number, { all = false }: KillOptions = {}): void {
  const record = readRecord(stateRoot, id)
  if (all) {
    killAll(record, signal)
    return
  }
  // Without a PID namespace of their own the others live on when the first is gone.
  const toAll = signal === SIGKILL && !record.ownPidNamespace
  const running = containerStatus(stateRoot, record) !== 'stopped' && signalInit(record, signal)
  if (!running && !(toAll && hasProcesses(record)))
    throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'container not running', { operation: `kill container ${id}` })
  if (toAll) killAll(record, signal)
}

function hasProcesses(record: ContainerRecord): boolean {
  const directory = findCgroupDirectory(record)
  return directory !== undefined && processesBelow(directory).length > 0
}

function killAll(record: ContainerRecord, signal: number): void {
  const directory = findCgroupDirectory(record)
  if (directory === undefined) {
    const operation = `kill all of container ${record.id}`
    throw new UtsuwaError('UNSUPPORTED', 'it has no cgroup of its own', { operation })
  }
  if (signal === SIGKILL) killCgroup(directory)
  else for (const pid of processesBelow(directory)) signalProcess(pid, signal)
}

function signalProcess(pid: number, signal: number): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}
