/** What is left of a run when the container has ended, and is not removed. */

import { releaseResources } from '../../runtime/delete.ts'
import { appendEvent } from '../../runtime/state/journal.ts'
import { type MonitoredExit, readExit } from '../../runtime/state/monitored.ts'
import { containersDirectory } from '../../runtime/state/names.ts'
import type { ContainerRecord, LockedContainer } from '../../runtime/state/record.ts'
import { failureStatus } from '../../util/exit-status.ts'
import { signalName } from '../../util/how-ended.ts'
import { collectPostMortem, type PostMortem, writePostMortem } from './post-mortem.ts'

/**
 * Takes away what a run of the container leaves beside its files, and writes down how it ended. Once more is harmless.
 * @returns the record as it is now
 */
export async function finishRun(
  runRoot: string,
  container: LockedContainer,
  record: ContainerRecord,
): Promise<ContainerRecord> {
  const stateRoot = containersDirectory(runRoot)
  const exit = readExit(stateRoot, record.id)
  const isKnown = record.managed?.exit !== undefined
  const isNews = exit !== undefined && !isKnown && record.managed !== undefined
  const postMortem = isNews ? examineEnd(record, exit) : undefined
  try {
    await releaseResources(stateRoot, record)
  } finally {
    // Also when something of it is left: it can be given back later, and how it ended is known only now.
    if (postMortem !== undefined) record = writeEnd(runRoot, container, record, exit!, postMortem)
  }
  return record
}

function writeEnd(
  runRoot: string,
  container: LockedContainer,
  record: ContainerRecord,
  exit: MonitoredExit,
  postMortem: PostMortem,
): ContainerRecord {
  const { startFailure } = record.managed!
  const exitCode = startFailure === undefined ? exit.exitCode : failureStatus(startFailure)
  const { finished } = postMortem
  const oom = postMortem.oom !== undefined
  const ended = { ...record, managed: { ...record.managed!, exit: { exitCode, oom, finished } } }
  writePostMortem(container.directory, postMortem)
  container.write(ended)
  if (oom) appendEvent(runRoot, 'oom', ended)
  appendEvent(runRoot, 'die', ended, { exitCode: String(exitCode) })
  return ended
}

function examineEnd(record: ContainerRecord, { signal, finished }: MonitoredExit): PostMortem {
  return collectPostMortem(record, signal === 0 ? undefined : signalName(signal), new Date(finished).toISOString())
}
