/** `exec`: one more process in a container that lives. */
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { parseOwnCgroup } from '../cgroup/hierarchy.ts'
import { withHome } from '../engine/files/home.ts'
import { isUtsuwaError, UtsuwaError } from '../errors.ts'
import type { InitConversation } from '../launch/conversation.ts'
import { launch } from '../launch/launch.ts'
import { readOfProcess } from '../launch/process-files.ts'
import type { CompiledPlan } from '../plan/compile.ts'
import { compileExec } from '../plan/compile-exec.ts'
import type { Process, RuntimeSpec } from '../spec/runtime.ts'
import { errnos } from '../util/errno.ts'
import { sendSeccompListener } from './seccomp-listener.ts'
import { openInit, openRootOfInit } from './state/first-process.ts'
import { type ContainerRecord, readRecord, readSpec } from './state/record.ts'
import { seccompPrograms } from './state/seccomp-programs.ts'
import { containerStatus } from './state/status.ts'
import { whileRunning } from './while-running.ts'

export interface RuntimeExecOptions {
  /** Descriptors 0–2 of the process; −1 is /dev/null. Default: the caller's own. */
  readonly stdio?: readonly [number, number, number]
  /** With `terminal`: a connected Unix socket that gets the terminal's master. */
  readonly consoleSocketFd?: number
  /** How many descriptors from 3 on the process inherits. Default: 0. */
  readonly preserveFds?: number
  readonly noNewKeyring?: boolean
  /** A cgroup below the container's that the process is born in. */
  readonly subCgroup?: string
  /** Allow it in a paused container: the process waits until that is resumed. Default: false. */
  readonly ignorePaused?: boolean
  /** Kills the process before its command runs; the call fails then. */
  readonly signal?: AbortSignal
}

/**
 * Resolves when the command runs. Whoever gets the conversation waits for its end.
 * @throws UtsuwaError CONTAINER_STATE when the container is paused, CONTAINER_NOT_RUNNING unless it is created or running, or
 *   when it ends meanwhile; what keeps the command from running
 */
export async function exec(
  stateRoot: string,
  id: string,
  process: Process,
  options: RuntimeExecOptions = {},
): Promise<InitConversation> {
  const record = readRecord(stateRoot, id)
  const status = containerStatus(stateRoot, record)
  const operation = `exec in container ${id}`
  if (status === 'paused' && !options.ignorePaused)
    throw new UtsuwaError('CONTAINER_STATE', 'cannot exec in a paused container', { operation })
  const pidfd = status === 'creating' ? undefined : openInit(record)
  if (pidfd === undefined) return hasStopped(operation)
  try {
    return await whileRunning(record, 'exec in container', () => {
      const spec = readSpec(stateRoot, id)
      const executed = withHome(process, () => openRootOfInit(record) ?? hasStopped(operation))
      const { preserveFds = 0, noNewKeyring = false } = options
      const programs = seccompPrograms(stateRoot, record.managed)
      const planIn = (cgroupHostPath: string | undefined): CompiledPlan =>
        compileExec({
          id,
          spec,
          process: executed,
          cgroupHostPath,
          noNewKeyring,
          preserveFds,
          seccompPrograms: programs,
        })
      return launchExec(record, spec, planIn, options, pidfd)
    })
  } finally {
    closeSync(pidfd)
  }
}

export function hasStopped(operation: string): never {
  throw new UtsuwaError('CONTAINER_NOT_RUNNING', 'cannot exec in a stopped container', { operation })
}

async function launchExec(
  record: ContainerRecord,
  spec: RuntimeSpec,
  planIn: (cgroupHostPath: string | undefined) => CompiledPlan,
  options: RuntimeExecOptions,
  pidfd: number,
): Promise<InitConversation> {
  const { signal } = options
  const exec = await cloneExec(record, planIn, options, pidfd)
  const kill = (): void => exec.kill()
  signal?.addEventListener('abort', kill, { once: true })
  try {
    if (signal?.aborted) kill()
    await exec.executed((listener, pid) => sendSeccompListener(spec, record, pid, listener))
    return exec
  } catch (error) {
    // Reaped, or else the container's PID namespace would never come to its end.
    await exec.abort()
    throw error
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}

async function cloneExec(
  record: ContainerRecord,
  planIn: (cgroupHostPath: string | undefined) => CompiledPlan,
  options: RuntimeExecOptions,
  pidfd: number,
): Promise<InitConversation> {
  const { stdio = [0, 1, 2], preserveFds = 0, consoleSocketFd, subCgroup } = options
  const launchInto = (cgroupHostPath: string | undefined): Promise<InitConversation> =>
    launch({
      plan: planIn(cgroupHostPath),
      stdio,
      preserved: Array.from({ length: preserveFds }, (_, index) => 3 + index),
      inherited: { container: pidfd, ...(consoleSocketFd === undefined ? {} : { console: consoleSocketFd }) },
    })
  if (record.cgroup === undefined) return launchInto(undefined)
  const own = join(record.cgroup.mount, record.cgroup.path)
  try {
    return await launchInto(subCgroup === undefined ? own : join(own, subCgroup))
  } catch (error) {
    // A container that hands controllers to cgroups of its own has its processes in them, and none may be above.
    if (subCgroup !== undefined || !isUtsuwaError(error) || error.errno !== errnos.EBUSY) throw error
    return launchInto(cgroupOfInit(record.cgroup.mount, pidfd) ?? own)
  }
}

function cgroupOfInit(mount: string, pidfd: number): string | undefined {
  const path = parseOwnCgroup(readOfProcess(pidfd, 'cgroup') ?? '')
  return path === undefined ? undefined : join(mount, path)
}
