/** `ps`: containers by what is known of them. */
import type { PublishedPort } from '../../options/ports.ts'
import { hasLostMonitor, hasMonitor, isRestarting, readExit } from '../../runtime/state/monitored.ts'
import { containersDirectory } from '../../runtime/state/names.ts'
import { type ContainerRecord, findRecord, listRecords } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { type ContainerStatus, containerStatus } from '../../runtime/state/status.ts'
import { sleep } from '../../util/sleep.ts'
import { readAttachment } from '../connect/kept-attachment.ts'
import { removeManaged } from './remove.ts'
import { sweepRunRoot } from './sweep.ts'

/** How long a monitor may take to write down an end. */
const SETTLE_TIMEOUT_MS = 2000
const POLL_MS = 2

/** A container, as `ps` shows it. */
export interface ContainerSummary {
  readonly id: string
  readonly name: string | undefined
  /** Reference of the image; undefined for a plain directory. */
  readonly image: string | undefined
  readonly command: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** `restarting`: it has ended, and its restart policy will start it again. */
  readonly status: ContainerStatus | 'restarting'
  /** 0 when it has stopped. */
  readonly pid: number
  /** RFC 3339. */
  readonly created: string
  /** When its command was executed last, RFC 3339; undefined before, and where the command that ran it did not say. */
  readonly started: string | undefined
  /** When it ended, RFC 3339. */
  readonly finished: string | undefined
  /** Undefined while it runs, and when whoever ran it was killed before it ended. */
  readonly exitCode: number | undefined
  /** Those of the host that lead to it now. */
  readonly ports: readonly PublishedPort[]
  /** Its monitor was killed: what it prints goes nowhere, and how it ends nobody will know. */
  readonly lostMonitor: boolean
}

/** Options of `containers`. */
export interface ListOptions extends Roots {
  /** Told why what ended unnoticed could not be removed or give back what it has; the next list tries again. */
  readonly onWarning?: (warning: unknown) => void
}

/**
 * All containers, newest first. Those that were to be removed at their end, and whose launcher was killed before it
 * could, are removed now; so is what others that ended unnoticed have of their networks, and names that lead nowhere.
 */
export async function containers({
  runRoot = DEFAULT_RUN_ROOT,
  onWarning,
}: ListOptions = {}): Promise<ContainerSummary[]> {
  const stateRoot = containersDirectory(runRoot)
  sweepRunRoot(runRoot)
  const summaries: ContainerSummary[] = []
  for (const listed of listRecords(stateRoot)) {
    const settled = await settle(stateRoot, listed)
    if (settled === undefined) continue
    const { record, status } = settled
    const isLeft = status === 'stopped' && !hasMonitor(record)
    try {
      if (isLeft && (await tidyUp(runRoot, record)) === 'removed') continue
    } catch (error) {
      // One container is no reason to see nothing of the others.
      onWarning?.(error)
    }
    summaries.push(summarize(stateRoot, record, status))
  }
  return summaries.sort((a, b) => b.created.localeCompare(a.created))
}

/**
 * A container and its status, as they belong together. One whose first process has just ended gets an exit status from
 * its monitor, and perhaps a next run, within milliseconds: this waits for it. Undefined when it is removed meanwhile.
 */
export async function settle(
  stateRoot: string,
  record: ContainerRecord,
): Promise<{ readonly record: ContainerRecord; readonly status: ContainerStatus } | undefined> {
  for (const deadline = Date.now() + SETTLE_TIMEOUT_MS; ; await sleep(POLL_MS)) {
    const status = containerStatus(stateRoot, record)
    if (status !== 'stopped' || isEndKnown(stateRoot, record) || Date.now() >= deadline) return { record, status }
    // Asked first: a monitor that is gone by then has written all that it ever will.
    const isOver = !hasMonitor(record)
    const now = findRecord(stateRoot, record.id)
    if (now === undefined) return undefined
    const isSame = now.monitor?.pid === record.monitor?.pid && now.phase === record.phase
    record = now
    if (isSame && isOver) return { record, status: containerStatus(stateRoot, record) }
  }
}

/** A record that says `creating` may have been read before it was complete: nobody holds its lock any more. */
const isEndKnown = (stateRoot: string, { id, phase, managed, monitor }: ContainerRecord): boolean =>
  phase === 'created' && (monitor === undefined || managed?.exit !== undefined || readExit(stateRoot, id) !== undefined)

/** What whoever was to see to its end would have done. */
async function tidyUp(runRoot: string, { id, managed }: ContainerRecord): Promise<'removed' | 'kept'> {
  if (managed?.removeOnExit) {
    await removeManaged(runRoot, id, managed.name, { force: true })
    return 'removed'
  }
  if (managed?.network?.network !== undefined) await takeBackNetwork(containersDirectory(runRoot), id)
  return 'kept'
}

/** Loaded when needed. */
async function takeBackNetwork(stateRoot: string, id: string): Promise<void> {
  const { releaseIfEnded } = await import('../connect/network-attachment.ts')
  await releaseIfEnded(stateRoot, id)
}

export function summarize(stateRoot: string, record: ContainerRecord, status: ContainerStatus): ContainerSummary {
  const { id, pid, created, started, managed } = record
  const monitored = status === 'stopped' && record.monitor !== undefined ? readExit(stateRoot, id) : undefined
  return {
    id,
    name: managed?.name,
    image: managed?.image,
    command: managed?.command ?? [],
    labels: managed?.labels ?? {},
    status: status === 'stopped' && isRestarting(stateRoot, record) ? 'restarting' : status,
    pid: status === 'stopped' ? 0 : pid,
    created,
    started,
    finished: managed?.exit?.finished ?? (monitored && new Date(monitored.finished).toISOString()),
    exitCode: managed?.exit?.exitCode ?? monitored?.exitCode,
    ports: managed?.network?.ports.length ? (readAttachment(stateRoot, id)?.ports ?? []) : [],
    lostMonitor: hasLostMonitor(stateRoot, record),
  }
}
