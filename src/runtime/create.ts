/** `create`: everything up to the moment at which the container's command could be executed. */
import { closeSync } from 'node:fs'
import { outOfMemoryAbove } from '../cgroup/levels.ts'
import { forgetLastEnd } from '../engine/monitor/detached.ts'
import type { InitConversation } from '../launch/conversation.ts'
import { type LaunchInput, launch, launchMonitored } from '../launch/launch.ts'
import type { Monitor } from '../launch/monitor.ts'
import { openMountTrees } from '../launch/mount-trees.ts'
import { moveNetDevices } from '../launch/net-devices.ts'
import { enterScope, finishScope } from '../launch/scope.ts'
import type { CompiledPlan } from '../plan/compile.ts'
import type { ScopePlan } from '../plan/scope.ts'
import { sys } from '../sys/index.ts'
import { throwIfAborted } from '../util/aborted.ts'
import { nextTurn } from '../util/next-turn.ts'
import { releaseNetworkOf, removeCgroupOf } from './delete.ts'
import { runHooks, runPoststopHooks } from './hooks.ts'
import { claimDirectory, planCreation, type RuntimeCreateOptions } from './plan-creation.ts'
import { type ContainerRecord, type LockedContainer, startSocketName } from './state/record.ts'
import { pidInNamespace, readProcessStat } from './state/status.ts'
import { formatState } from './state.ts'

/** The answer at a barrier that asks for nothing. */
const GO_ON = Buffer.of(1)

export interface Created {
  readonly record: ContainerRecord
  readonly init: InitConversation
  /** CLOCK_MONOTONIC in nanoseconds: the launch begins, init waits for the start. */
  readonly launchingNs: bigint
  readonly readyNs: bigint
}

/**
 * Resolves when the container is created: init waits for the start.
 * @throws UtsuwaError; nothing of the container is left then, but its directory where that was reserved
 */
export async function create(asked: RuntimeCreateOptions): Promise<Created> {
  using shared = await sharedNetworkOf(asked)
  const { options, plan, record } = planCreation(shared === undefined ? asked : { ...asked, spec: shared.spec })
  using container = claimDirectory(options, record)
  try {
    await nextTurn()
    return await launchInto(container, record, plan, options)
  } catch (error) {
    // Whoever reserved it has more to remove, by its record; of hooks there is nothing left to run.
    if (options.reserved === undefined) container.remove()
    else if (!options.keepsRecord) container.write({ ...record, poststop: [] })
    throw error
  }
}

async function launchInto(
  container: LockedContainer,
  record: ContainerRecord,
  plan: CompiledPlan,
  options: RuntimeCreateOptions,
): Promise<Created> {
  using trees = openMountTrees(plan, options.spec, options.bundlePath)
  const gate = options.gate === 'socket' ? sys.listen('seqpacket', container.fd, startSocketName) : undefined
  const launchingNs = process.hrtime.bigint()
  let init: InitConversation
  let monitor: Monitor | undefined
  try {
    const input: LaunchInput = {
      plan,
      stdio: options.stdio ?? [0, 1, 2],
      preserved: Array.from({ length: options.preserveFds ?? 0 }, (_, index) => 3 + index),
      inherited: {
        ...trees.fds,
        ...(gate === undefined ? {} : { gate }),
        ...(options.consoleSocketFd === undefined ? {} : { console: options.consoleSocketFd }),
        ...(options.rootfsMountFd === undefined ? {} : { rootfs: options.rootfsMountFd }),
      },
    }
    if (options.monitor === undefined) init = await launch(input)
    else ({ init, monitor } = await launchMonitored(input, { ...options.monitor, cgroupMount: record.cgroup?.mount }))
  } finally {
    if (gate !== undefined) closeSync(gate)
  }
  // A unit of this name that is not ours must stay as it is.
  let ownsCgroup = plan.scope === undefined
  const enter = async (scope: ScopePlan): Promise<Uint8Array> => {
    await enterScope(scope, init.pid)
    ownsCgroup = true
    finishScope(scope)
    return GO_ON
  }
  const kill = (): void => init.kill()
  options.signal?.addEventListener('abort', kill, { once: true })
  try {
    throwIfAborted(options.signal)
    await init.ready(async ({ name }, fd) => {
      if (name === 'cgroup') return enter(plan.scope!)
      if (name === 'namespaces') return runHooksBeforePivot(withProcess(record, init), options)
      moveNetDevices(options.spec.linux!.netDevices!, init.pidfd, fd!)
      return GO_ON
    })
    if (record.managed?.network !== undefined) await connect(options, withProcess(record, init))
    const readyNs = process.hrtime.bigint()
    const created: ContainerRecord = {
      ...withProcess(record, init),
      ...withMonitor(monitor),
      ...withLevelsAbove(record),
      phase: 'created',
    }
    if (monitor !== undefined) forgetLastEnd(container.directory)
    // Before the record names it: a monitor that is in a record but does not know would see no end through.
    monitor?.created(init.pid)
    container.write(created)
    return { record: created, init, launchingNs, readyNs }
  } catch (error) {
    await init.abort()
    if (ownsCgroup) await removeCgroupOf(record)
    // What plugins do not let go of stays written down; why there is no container is what the caller has to hear.
    await releaseNetworkOf(options.stateRoot, record).catch(options.onWarning ?? (() => undefined))
    // runtime.md, "Lifecycle": a hook that fails leads to steps 12 and 13, as delete does.
    await runPoststopHooks(record, options.onWarning)
    throw error
  } finally {
    options.signal?.removeEventListener('abort', kill)
  }
}

/** Loaded when needed: an OCI runtime's containers come with their networks. */
async function sharedNetworkOf({ stateRoot, spec, managed }: RuntimeCreateOptions) {
  if (managed?.network?.container === undefined) return undefined
  const { shareNetwork } = await import('../engine/connect/network.ts')
  return shareNetwork(stateRoot, managed.network, spec)
}

async function connect({ stateRoot, signal }: RuntimeCreateOptions, record: ContainerRecord): Promise<void> {
  const { attachNetwork } = await import('../engine/connect/network-attachment.ts')
  await attachNetwork(stateRoot, record, signal)
}

function withProcess(record: ContainerRecord, { pid, pidfd }: InitConversation): ContainerRecord {
  const startTime = readProcessStat(pid)?.startTime ?? 0
  // Of init only if it has not been reaped: the number may be another's already. No process has started at 0.
  return { ...record, pid, pidStartTime: sys.pidfdSendSignal(pidfd, 0) ? startTime : 0 }
}

function withMonitor(monitor: Monitor | undefined): Pick<ContainerRecord, 'monitor'> {
  if (monitor === undefined) return {}
  return { monitor: { pid: monitor.pid, pidStartTime: readProcessStat(monitor.pid)?.startTime ?? 0 } }
}

/** For the day on which one of these limits is what the container dies of. */
function withLevelsAbove({ cgroup, managed }: ContainerRecord): Pick<ContainerRecord, 'outOfMemoryAbove'> {
  if (cgroup === undefined || managed === undefined) return {}
  return { outOfMemoryAbove: outOfMemoryAbove(cgroup.mount, cgroup.path) }
}

/**
 * @returns the states for the hooks that init runs inside the container, with the PID as they see it: that for
 *   createContainer, NUL, that for startContainer
 */
async function runHooksBeforePivot(
  record: ContainerRecord,
  { spec: { hooks = {} }, signal }: RuntimeCreateOptions,
): Promise<Uint8Array> {
  const state = formatState(record, 'creating')
  await runHooks(hooks.prestart ?? [], '/hooks/prestart', state, record.bundle, signal)
  await runHooks(hooks.createRuntime ?? [], '/hooks/createRuntime', state, record.bundle, signal)
  const inside = { ...record, pid: pidInNamespace(record.pid) }
  const states = [formatState(inside, 'creating'), formatState(inside, 'created')]
  return Buffer.from(states.map(each => JSON.stringify(each)).join('\0'))
}
