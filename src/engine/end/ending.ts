/** How the end of a container becomes known: the process that runs it writes it down, a moment after the end. */

import { type ContainerRecord, findRecord } from '../../runtime/state/record.ts'
import { isAlive, readProcessStat } from '../../runtime/state/status.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { sleep } from '../../util/sleep.ts'

const TIMEOUT_MS = 10_000
const POLL_MS = 10

/** Says whether the process that writes down how a container ends is there. */
export type Keeper = () => boolean

/**
 * Its monitor; in the foreground the command that runs it, which is the parent of its first process. To be asked while
 * that lives: afterwards its parent is not known, and nothing is waited for.
 */
export function keeperOf(record: ContainerRecord): Keeper {
  const { monitor, pid } = record
  if (monitor !== undefined) return () => isAlive(monitor)
  if (!isAlive(record)) return () => false
  const parent = readProcessStat(pid)?.parent ?? 0
  const startTime = readProcessStat(parent)?.startTime
  // Its parent is in a PID namespace above this one.
  if (startTime === undefined) return () => true
  return () => isAlive({ pid: parent, pidStartTime: startTime })
}

/**
 * Resolves with what is written down of an end, as soon as it is; with undefined when its keeper has gone without, or has
 * not come to it within ten seconds.
 * @throws UtsuwaError ABORTED
 */
export async function untilNoted<T>(
  isThere: Keeper,
  read: () => T | undefined,
  signal?: AbortSignal,
): Promise<T | undefined> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    throwIfAborted(signal)
    // Asked first: one that is gone by then has written all that it ever will.
    const isOver = !isThere()
    const noted = read()
    if (noted !== undefined || isOver) return noted
  }
  return undefined
}

/** Resolves when the record says how the container ended, or is removed, or will not say it any more. */
export async function untilEndIsNoted(stateRoot: string, id: string, keeper: Keeper): Promise<void> {
  await untilNoted(keeper, () => {
    const record = findRecord(stateRoot, id)
    return record === undefined || record.managed?.exit !== undefined || undefined
  })
}
