/**
 * The first process of a container, and what is opened through it. All of it is opened here, by a pidfd: the PID of the
 * record is another process's when this one has ended.
 */
import { closeSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { UtsuwaError } from '../../errors.ts'
import { openOfProcess, type ProcessFile, readOfProcess } from '../../launch/process-files.ts'
import { constants, sys } from '../../sys/index.ts'
import { type ScopedFd, scopedFd } from '../../util/scoped-fd.ts'
import type { ContainerRecord } from './record.ts'
import { isAlive } from './status.ts'

/** A process as a record tells it from a later one with the same number. */
export type RecordedProcess = Pick<ContainerRecord, 'pid' | 'pidStartTime'>

/** A pidfd of the container's first process, or of its monitor; undefined when it has ended. */
export function openInit(record: RecordedProcess): number | undefined {
  if (!isAlive(record)) return undefined
  let pidfd: number
  try {
    pidfd = sys.pidfdOpen(record.pid)
  } catch (error) {
    if (error instanceof UtsuwaError && error.errno === osConstants.errno.ESRCH) return undefined
    throw error
  }
  // The number may have been reused just before the pidfd was opened; from now on it cannot.
  if (isAlive(record)) return pidfd
  closeSync(pidfd)
  return undefined
}

/** By pidfd, so that the signal cannot reach a later process with the same number. False when it has ended. */
export function signalInit(record: RecordedProcess, signal: number): boolean {
  using init = scopedInit(record)
  return init !== undefined && sys.pidfdSendSignal(init.fd, signal)
}

/** A file of /proc/PID, or what it leads to: its root directory, a namespace. Undefined when the process has ended. */
export function openOfInit(record: RecordedProcess, file: ProcessFile, flags?: number): ScopedFd | undefined {
  using init = scopedInit(record)
  return init && openOfProcess(init.fd, file, flags)
}

/** The text of a file of /proc/PID; undefined when the process has ended. */
export function readOfInit(record: RecordedProcess, file: ProcessFile): string | undefined {
  using init = scopedInit(record)
  return init && readOfProcess(init.fd, file)
}

/** The root directory as the container's processes have it; undefined when the first one has ended. */
export function openRootOfInit(record: RecordedProcess): ScopedFd | undefined {
  return openOfInit(record, 'root', constants.O_DIRECTORY)
}

/** How a plan shows the network that it shares. Nobody opens it: by then the number may be another process's. */
export function networkPathOf({ pid }: RecordedProcess): string {
  return `/proc/${pid}/ns/net`
}

function scopedInit(record: RecordedProcess): ScopedFd | undefined {
  const pidfd = openInit(record)
  return pidfd === undefined ? undefined : scopedFd(pidfd)
}
