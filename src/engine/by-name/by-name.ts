/** What is done to containers that any process runs, by name: for commands, and for programs that did not create them. */
import type { CgroupSample } from '../../cgroup/stats/sample.ts'
import type { UpdateOptions } from '../../options/options.ts'
import { resourcesOf } from '../../options/resources.ts'
import { kill as killById, parseSignal } from '../../runtime/kill.ts'
import { pause as pauseById, resume as resumeById } from '../../runtime/pause.ts'
import { listProcesses as processesById } from '../../runtime/processes.ts'
import { cgroupDirectory } from '../../runtime/state/cgroup-directory.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { keepForBoot } from '../../runtime/state/keep-for-boot.ts'
import { forbidRestart } from '../../runtime/state/monitored.ts'
import { claimName, containersDirectory, readByName, releaseName } from '../../runtime/state/names.ts'
import { type ContainerRecord, lockContainer, readRecord, readSpec } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { type ContainerStats, stats as statsById } from '../../runtime/stats.ts'
import { SampleFeed, type SamplesOptions } from '../streams/samples.ts'

const SIGKILL = 9

type RunRoot = Pick<Roots, 'runRoot'>

interface Found {
  readonly runRoot: string
  readonly stateRoot: string
  readonly record: ContainerRecord
}

/** @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT when it is ambiguous */
function find(nameOrId: string, { runRoot = DEFAULT_RUN_ROOT }: RunRoot): Found {
  const stateRoot = containersDirectory(runRoot)
  return { runRoot, stateRoot, record: readByName(runRoot, nameOrId) }
}

/**
 * Sends a signal to the first process of a container. After SIGKILL its restart policy does not start it again.
 * @param signal name or number. Default: SIGKILL.
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING, INVALID_ARGUMENT
 */
export function killContainer(nameOrId: string, signal: string | number = 'SIGKILL', roots: RunRoot = {}): void {
  const { runRoot, stateRoot, record } = find(nameOrId, roots)
  const number = parseSignal(String(signal))
  if (number === SIGKILL) forbidRestart(stateRoot, record)
  killById(stateRoot, record.id, number)
  appendEvent(runRoot, 'kill', record, { signal: String(number), by: 'kill' })
}

/** Stops all processes of a container where they are. @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE */
export async function pauseContainer(nameOrId: string, roots: RunRoot = {}): Promise<void> {
  const { runRoot, stateRoot, record } = find(nameOrId, roots)
  await pauseById(stateRoot, record.id)
  appendEvent(runRoot, 'pause', record)
}

/** Lets them go on. @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE unless it is paused */
export async function resumeContainer(nameOrId: string, roots: RunRoot = {}): Promise<void> {
  const { runRoot, stateRoot, record } = find(nameOrId, roots)
  await resumeById(stateRoot, record.id)
  appendEvent(runRoot, 'unpause', record)
}

/**
 * New limits for a container that lives; those that are not given stay.
 * @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_STATE when it has ended, CGROUP_ERROR with the file that refused
 */
export async function updateContainer(nameOrId: string, limits: UpdateOptions, roots: RunRoot = {}): Promise<void> {
  const { runRoot, stateRoot, record } = find(nameOrId, roots)
  const { update: updateById } = await import('../../runtime/update.ts')
  await updateById(stateRoot, record.id, resourcesOf(limits))
  appendEvent(runRoot, 'update', record)
}

/** Gives a container another name. @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_EXISTS, INVALID_ARGUMENT */
export async function renameContainer(nameOrId: string, name: string, roots: RunRoot = {}): Promise<void> {
  const found = find(nameOrId, roots)
  const { runRoot, stateRoot } = found
  using container = await lockContainer(stateRoot, found.record.id)
  const record = readRecord(stateRoot, found.record.id)
  const oldName = record.managed?.name
  claimName(runRoot, name, record.id)
  const renamed = { ...record, managed: { ...record.managed!, name } }
  container.write(renamed)
  await refreshNames(stateRoot, renamed)
  keepForBoot(stateRoot, renamed, readSpec(stateRoot, record.id))
  if (oldName !== undefined) releaseName(runRoot, oldName, record.id)
  appendEvent(runRoot, 'rename', renamed, oldName === undefined ? {} : { oldName })
}

/** Loaded when needed. */
async function refreshNames(stateRoot: string, { id, managed }: ContainerRecord): Promise<void> {
  if (managed?.network?.network === undefined) return
  const { refreshHosts } = await import('../connect/network-attachment.ts')
  await refreshHosts(stateRoot, managed.network, id)
}

/**
 * What the files of a container's cgroup say, again and again from now on, until the cgroup is removed: at its end, or soon
 * after. Of one that this process created, `Container.samples` has the last moment as well.
 *
 * @throws UtsuwaError CONTAINER_NOT_FOUND; UNSUPPORTED without a cgroup of its own; INVALID_ARGUMENT, CGROUP_ERROR
 */
export function containerSamples(
  nameOrId: string,
  { runRoot, ...options }: SamplesOptions & RunRoot = {},
): AsyncGenerator<CgroupSample, void, undefined> {
  const { record } = find(nameOrId, runRoot === undefined ? {} : { runRoot })
  return new SampleFeed(cgroupDirectory(record), options).iterate()
}

/** What a container uses now. @throws UtsuwaError CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING */
export function containerStats(nameOrId: string, roots: RunRoot = {}): ContainerStats {
  const { stateRoot, record } = find(nameOrId, roots)
  return statsById(stateRoot, record.id)
}

/**
 * PIDs of all processes of a container, in the caller's namespace; none when it has ended.
 * @throws UtsuwaError CONTAINER_NOT_FOUND, UNSUPPORTED without a cgroup
 */
export function containerProcesses(nameOrId: string, roots: RunRoot = {}): number[] {
  const { stateRoot, record } = find(nameOrId, roots)
  return processesById(stateRoot, record.id)
}
