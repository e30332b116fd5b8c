/** Seccomp actions and flags of the runtime specification in the kernel's numbers (linux/seccomp.h). */
import { UtsuwaError } from '../errors.ts'
import type { SeccompAction, SeccompFlag } from '../spec/runtime.ts'

/** SECCOMP_RET_…; the low 16 bits carry an errno or a message for the tracer. */
const RETURN_VALUES: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_KILL_THREAD: 0x0000_0000,
  SCMP_ACT_KILL: 0x0000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
}

const EPERM = 1
const ENOSYS = 38

export const RETURN_ENOSYS = RETURN_VALUES.SCMP_ACT_ERRNO | ENOSYS

/** What libseccomp does with calls of an architecture that the filter does not cover. */
export const RETURN_FOREIGN_ARCH = RETURN_VALUES.SCMP_ACT_KILL_THREAD

/** Filters answer these where a program continues; the rest end or fail the call. */
export function permits(action: SeccompAction): boolean {
  return action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_TRACE'
}

/**
 * The value that a filter returns for an action.
 *
 * @param errnoRet EPERM when absent; only SCMP_ACT_ERRNO and SCMP_ACT_TRACE carry one
 * @param pointer of `errnoRet` in the runtime spec
 */
export function returnValue(action: SeccompAction, errnoRet: number | undefined, pointer: string): number {
  const base = RETURN_VALUES[action]
  if (action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE') {
    if (errnoRet !== undefined && errnoRet > 0xffff) {
      throw new UtsuwaError('INVALID_SPEC', `errno ${errnoRet} does not fit into 16 bits`, { configPointer: pointer })
    }
    return base | (errnoRet ?? EPERM)
  }
  if (errnoRet !== undefined && errnoRet !== 0) {
    throw new UtsuwaError('INVALID_SPEC', `${action} cannot return an errno`, { configPointer: pointer })
  }
  return base
}

const FLAG_VALUES: Readonly<Record<SeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1 << 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1 << 5,
}

const NEW_LISTENER = 1 << 3
const TSYNC_ESRCH = 1 << 4

/**
 * Flags for seccomp(2). SPEC_ALLOW is not implied: since Linux 5.16 a filter costs no mitigation by default.
 *
 * @param notifies whether an action of the filter is SCMP_ACT_NOTIFY
 */
export function filterFlags(flags: readonly SeccompFlag[], notifies: boolean): number {
  let value = flags.reduce((sum, flag) => sum | FLAG_VALUES[flag], 0)
  if (notifies) {
    value |= NEW_LISTENER
    // with both, success and the id of a thread that failed to follow would look alike: the kernel wants ESRCH instead
    if (value & FLAG_VALUES.SECCOMP_FILTER_FLAG_TSYNC) value |= TSYNC_ESRCH
  } else {
    // EINVAL without a listener, whose receiving it is about
    value &= ~FLAG_VALUES.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  }
  return value
}
