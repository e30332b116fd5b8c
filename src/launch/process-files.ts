/**
 * Files of /proc/PID, of the process that is meant. A PID is another process's as soon as the one that had it is reaped; a
 * pidfd never is. So the file is opened by the number, and the pidfd then says whose it was.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { constants, sys } from '../sys/index.ts'
import { isErrno } from '../util/errno.ts'
import { type ScopedFd, scopedFd } from '../util/scoped-fd.ts'

/** What is opened below /proc/PID. */
export type ProcessFile = 'cgroup' | 'gid_map' | 'net/dev' | 'root' | 'stat' | 'uid_map' | `ns/${string}`

/** The PID in this process's PID namespace; undefined when the process has been reaped. */
export function pidOf(pidfd: number): number | undefined {
  const info = readFileSync(`/proc/self/fdinfo/${pidfd}`, 'utf8')
  const pid = /^Pid:\s*(\d+)$/m.exec(info)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

/** Undefined when the process has ended. */
export function openOfProcess(
  pidfd: number,
  file: ProcessFile,
  flags: number = constants.O_RDONLY,
): ScopedFd | undefined {
  const pid = pidOf(pidfd)
  const fd = pid === undefined ? undefined : openIfThere(`/proc/${pid}/${file}`, flags)
  if (fd === undefined) return undefined
  // Not reaped yet, so the number was its own when the file was opened.
  if (sys.pidfdSendSignal(pidfd, 0)) return scopedFd(fd)
  closeSync(fd)
  return undefined
}

/** The text of the file; undefined when the process has ended. */
export function readOfProcess(pidfd: number, file: ProcessFile): string | undefined {
  using opened = openOfProcess(pidfd, file)
  return opened && readFileSync(opened.fd, 'utf8')
}

/** A zombie has no root and no namespaces any more. */
function openIfThere(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags)
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EINVAL'].some(name => isErrno(error, name))) return undefined
    throw error
  }
}
