/** Findings about system calls and features of the kernel, each by trying it. */
import { closeSync, readFileSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'
import { constants, sys } from '../../sys/index.ts'
import { errnos } from '../../util/errno.ts'
import type { Finding } from './finding.ts'

/** The newest thing that containers need: cgroup.kill. */
const OLDEST_KERNEL = '5.14'

interface Probe {
  readonly id: string
  readonly name: string
  readonly since: string
  /** Opens something that is closed again. */
  attempt(): number
}

const probes: readonly Probe[] = [
  {
    id: 'openat2',
    name: 'openat2(2)',
    since: '5.6',
    attempt: () => sys.openat2(constants.AT_FDCWD, '/', constants.O_PATH, 0, constants.RESOLVE_NO_SYMLINKS),
  },
  { id: 'memfd', name: 'sealed memfd', since: '3.17', attempt: () => sys.sealedMemfd('utsuwa-doctor', Buffer.of(0)) },
  { id: 'pidfd', name: 'pidfd_open(2)', since: '5.3', attempt: () => sys.pidfdOpen(process.pid) },
  {
    id: 'mount-api',
    name: 'mount API by file descriptor',
    since: '5.2',
    attempt: () => sys.mountDetached('tmpfs', [], 0),
  },
]

export function checkKernel(): Finding[] {
  const release = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
  return [checkRelease(release), ...probes.map(probe), checkSeccomp()]
}

export function checkRelease(release: string): Finding {
  const id = 'kernel'
  const message = `Linux ${release}`
  if (isAtLeast(release, OLDEST_KERNEL)) return { id, status: 'ok', message }
  return { id, status: 'fail', message, fix: `boot Linux ${OLDEST_KERNEL} or later` }
}

function isAtLeast(release: string, oldest: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map(part => Number.parseInt(part, 10))
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number)
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
}

function probe({ id, name, since, attempt }: Probe): Finding {
  try {
    closeSync(attempt())
    return { id, status: 'ok', message: name }
  } catch (error) {
    if (!(error instanceof UtsuwaError)) throw error
    if (error.errno === errnos.EPERM)
      return { id, status: 'warn', message: `${name}: needs root`, fix: 'sudo utsuwa doctor' }
    if (error.errno === errnos.ENOSYS)
      return { id, status: 'fail', message: `${name}: the kernel has none`, fix: `boot Linux ${since} or later` }
    return {
      id,
      status: 'fail',
      message: `${name}: ${error.message}`,
      fix: 'if this is a container, run its engine with --privileged',
    }
  }
}

function checkSeccomp(): Finding {
  const id = 'seccomp'
  try {
    const actions = readFileSync('/proc/sys/kernel/seccomp/actions_avail', 'utf8').trim()
    return { id, status: 'ok', message: `seccomp filters: ${actions}` }
  } catch {
    return {
      id,
      status: 'fail',
      message: 'seccomp filters: the kernel has none',
      fix: 'boot a kernel with CONFIG_SECCOMP_FILTER=y',
    }
  }
}
