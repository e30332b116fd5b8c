/** Starting native init: its executable, its plan, its descriptors, and the clone. */
import { closeSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { UtsuwaError } from '../errors.ts'
import type { CompiledPlan, DescriptorName } from '../plan/compile.ts'
import { encodeHostStage, encodePlanFile } from '../plan/encode.ts'
import { cloneFlags } from '../plan/namespaces.ts'
import type { OperationOf } from '../plan/ops.ts'
import { isLaunchFailure, type Launched, type LaunchFailure, sys } from '../sys/index.ts'
import { nativePath } from '../sys/native-path.ts'
import { errnos } from '../util/errno.ts'
import { InitConversation, type InitParent } from './conversation.ts'
import { operationError } from './failure.ts'
import { type Monitor, type MonitorInput, startMonitor } from './monitor.ts'
import { userNamespaceFix } from './user-namespace.ts'

export interface LaunchInput {
  readonly plan: CompiledPlan
  /** Descriptors 0–2 of the container. */
  readonly stdio: readonly [number, number, number]
  /** What becomes descriptors 3, 4, … of the container; as many as the plan preserves. */
  readonly preserved?: readonly number[]
  /** The descriptors that the plan names beside `plan` and `report`. They stay open here. */
  readonly inherited?: Partial<Record<DescriptorName, number>>
}

let initFd: number | undefined

/**
 * init runs from a sealed memfd: nothing in a container can reach, through /proc/PID/exe, a file that another container
 * or the host will execute (CVE-2019-5736).
 */
function initExecutable(): number {
  initFd ??= sys.sealedMemfd('utsuwa-init', readFileSync(nativePath('init')))
  return initFd
}

/**
 * Carries out the host stage and leaves init at work on the rest, as a child of this process. What it inherits must stay
 * open until then.
 * @throws UtsuwaError for the host operation that failed; no process and no cgroup is left then
 */
export async function launch(input: LaunchInput): Promise<InitConversation> {
  using prepared = prepareLaunch(input)
  const { hostStage, fds, planFd } = prepared
  return begin(input, prepared, await sys.launch(hostStage, fds, planFd))
}

/**
 * `launch` as the child of a monitor of its own, which outlives this process.
 * @throws UtsuwaError also when the monitor cannot be started
 */
export async function launchMonitored(
  input: LaunchInput,
  monitorInput: MonitorInput,
): Promise<{ readonly init: InitConversation; readonly monitor: Monitor }> {
  using prepared = prepareLaunch(input)
  const { hostStage, fds, planFd } = prepared
  let monitor: Monitor | undefined
  try {
    monitor = await startMonitor(monitorInput, hostStage, fds, planFd)
    return { monitor, init: begin(input, prepared, await monitor.launched(), monitor) }
  } catch (error) {
    monitor?.close()
    prepared.abandon()
    throw error
  }
}

interface PreparedLaunch extends Disposable {
  readonly hostStage: Buffer
  readonly fds: readonly number[]
  /** Number of the plan in init. */
  readonly planFd: number
  /** This process's end of the conversation. */
  readonly report: number
  /** Closes that, too. */
  abandon(): void
}

function prepareLaunch({ plan, stdio, preserved = [], inherited = {} }: LaunchInput): PreparedLaunch {
  const hostStage = encodeHostStage(plan)
  const init = initExecutable()
  const planFd = sys.sealedMemfd('utsuwa-plan', encodePlanFile(plan))
  const [report, initReport] = sys.socketpair('seqpacket')
  const given: Partial<Record<DescriptorName, number>> = { ...inherited, plan: planFd, report: initReport }
  let open = true
  return {
    hostStage,
    fds: [init, ...stdio, ...preserved, ...plan.descriptors.map(name => given[name] ?? -1)],
    planFd: plan.firstDescriptor + plan.descriptors.indexOf('plan'),
    report,
    abandon: () => {
      if (open) closeSync(report)
      open = false
    },
    [Symbol.dispose]: () => {
      closeSync(planFd)
      closeSync(initReport)
    },
  }
}

function begin(
  { plan }: LaunchInput,
  { report, abandon }: PreparedLaunch,
  result: Launched | LaunchFailure,
  parent?: InitParent,
): InitConversation {
  if (!isLaunchFailure(result)) return new InitConversation(plan, report, result, parent)
  abandon()
  if (result.cgroupCreated) removeEmptyCgroup(plan)
  const operation = plan.host[result.index]!
  if (operation.op === 'clone' && (result.errno === errnos.EPERM || result.errno === errnos.ENOSPC))
    throw cloneError(operation, result.errno)
  throw operationError(operation, result.errno, result.detail)
}

function cloneError({ flags }: OperationOf<'clone'>, errno: number): UtsuwaError {
  const details = { operation: 'clone init', errno }
  if ((Number(flags) & cloneFlags.user) === 0)
    return new UtsuwaError('NOT_ROOT', undefined, {
      ...details,
      hint: 'new namespaces take CAP_SYS_ADMIN: run it with sudo, or in a user namespace, as utsuwa-oci spec --rootless has it',
    })
  return new UtsuwaError('NOT_ROOT', 'this kernel lets you make no user namespace', {
    ...details,
    hint: userNamespaceFix(errno) ?? 'in a container, run its engine with --privileged; in a chroot, leave it',
  })
}

function removeEmptyCgroup({ host }: CompiledPlan): void {
  const created = host.find(operation => operation.op === 'create_cgroup')
  if (created !== undefined) rmdirSync(join(created.mount, created.path))
}
