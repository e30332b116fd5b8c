/** `stop`: a container is asked to end, and killed when it does not. */
import { closeSync } from 'node:fs'
import { setFrozen } from '../../cgroup/freeze.ts'
import { UtsuwaError } from '../../errors.ts'
import { waitReadable } from '../../launch/readable.ts'
import { STOP_SIGNAL_ANNOTATION } from '../../options/runtime-spec.ts'
import { kill, parseSignal } from '../../runtime/kill.ts'
import { cgroupDirectory } from '../../runtime/state/cgroup-directory.ts'
import { openInit } from '../../runtime/state/first-process.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { forbidRestart } from '../../runtime/state/monitored.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { type ContainerRecord, lockContainer, readRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import { sys } from '../../sys/index.ts'
import { keeperOf, untilEndIsNoted } from '../end/ending.ts'

const SIGKILL = 9
/** Docker's and podman's. */
const DEFAULT_TIMEOUT_S = 10
/** How long a killed container may take. */
const END_TIMEOUT_MS = 10_000
/** A timer of Node that is set for longer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Options of `stopContainer`. */
export interface StopOptions extends Pick<Roots, 'runRoot'> {
  /** Seconds until it is killed; negative: never. Default: what it was created with, else 10. */
  readonly timeout?: number
  /** Name or number. Default: what it was created with, else that of its image, else SIGTERM. */
  readonly signal?: string | number
}

/**
 * Asks a container to end by its stop signal, and kills it when it still runs after its grace period. One that does not
 * run is fine.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @returns its id, when it has ended
 * @throws UtsuwaError CONTAINER_NOT_FOUND, INVALID_ARGUMENT for the signal; TIMEOUT when it does not end though killed
 */
export function stopContainer(nameOrId: string, options: StopOptions = {}): Promise<string> {
  return stop(nameOrId, options)
}

/** The same for a machine that goes down: the restart policy of the container holds again after the boot. */
export function stopUntilBoot(id: string, options: Pick<Roots, 'runRoot'>): Promise<string> {
  return stop(id, { ...options, untilBoot: true })
}

async function stop(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT, timeout, signal, untilBoot = false }: StopOptions & { readonly untilBoot?: boolean },
): Promise<string> {
  const stateRoot = containersDirectory(runRoot)
  const record = await withoutRestart(stateRoot, readByName(runRoot, nameOrId), untilBoot)
  const number = parseSignal(String(signal ?? record.annotations[STOP_SIGNAL_ANNOTATION] ?? 'SIGTERM'))
  const status = containerStatus(stateRoot, record)
  // Its restart policy has come as far as that: nobody has asked for it.
  const isRestarted = status === 'created' && (record.managed?.detached?.restarts ?? 0) > 0
  if (status !== 'running' && status !== 'paused' && !isRestarted) return record.id
  const pidfd = openInit(record)
  if (pidfd === undefined) return record.id
  const keeper = keeperOf(record)
  try {
    sys.pidfdSendSignal(pidfd, isRestarted ? SIGKILL : number)
    appendEvent(runRoot, 'kill', record, { signal: String(number), by: 'stop' })
    // A frozen process takes no signal, and the freezer is no reason to lose the grace period.
    if (status === 'paused') await setFrozen(cgroupDirectory(record), false)
    const seconds = timeout ?? record.managed?.stopTimeout ?? DEFAULT_TIMEOUT_S
    const ended = await waitReadable(pidfd, seconds < 0 ? undefined : Math.min(seconds * 1000, MAX_TIMER_MS))
    if (!ended) await killNow(runRoot, record, pidfd, seconds)
  } finally {
    closeSync(pidfd)
  }
  await untilEndIsNoted(stateRoot, record.id, keeper)
  appendEvent(runRoot, 'stop', record)
  return record.id
}

/** A restart by its policy that is under way comes to its end first; none follows. @returns the record as it is then */
async function withoutRestart(
  stateRoot: string,
  record: ContainerRecord,
  untilBoot: boolean,
): Promise<ContainerRecord> {
  if (record.managed?.detached === undefined) return record
  forbidRestart(stateRoot, record, { untilBoot })
  using _container = await lockContainer(stateRoot, record.id)
  return readRecord(stateRoot, record.id)
}

async function killNow(runRoot: string, record: ContainerRecord, pidfd: number, grace: number): Promise<void> {
  if (sys.pidfdSendSignal(pidfd, 0)) kill(containersDirectory(runRoot), record.id, SIGKILL)
  appendEvent(runRoot, 'kill', record, { signal: String(SIGKILL), by: 'stop', grace: String(grace) })
  if (!(await waitReadable(pidfd, END_TIMEOUT_MS)))
    throw new UtsuwaError('TIMEOUT', 'it was killed and has not ended', { operation: `stop container ${record.id}` })
}
