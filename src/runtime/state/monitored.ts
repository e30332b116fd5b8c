/** What is left to see of a container's monitor: whether it lives, and how the container ended. */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { isErrno } from '../../util/errno.ts'
import { inRoom } from '../../util/room.ts'
import { sleep } from '../../util/sleep.ts'
import { signalInit } from './first-process.ts'
import { exitFileName, removalFileName, stopFileName } from './places.ts'
import { type ContainerRecord, containerDirectory } from './record.ts'
import { isAlive } from './status.ts'

const EXIT_POLL_MS = 2
const EXIT_TIMEOUT_MS = 15_000

/** How a container ended, as its monitor has written it down. */
export interface MonitoredExit {
  /** 128 + the signal that ended it. */
  readonly exitCode: number
  /** Number, or 0. */
  readonly signal: number
  /** Milliseconds since 1970. */
  readonly finished: number
  /** Milliseconds from its launch to its end. */
  readonly ran: number
  /** Whether the restart policy starts it again, after `delay` milliseconds. */
  readonly restarts: boolean
  readonly delay: number
}

/** Undefined while it runs, and when its monitor was killed before. */
export function readExit(stateRoot: string, id: string): MonitoredExit | undefined {
  try {
    return JSON.parse(readFileSync(join(containerDirectory(stateRoot, id), exitFileName), 'utf8')) as MonitoredExit
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Whether the container's monitor is there: until all is cleaned up after its end. */
export function hasMonitor({ monitor }: ContainerRecord): boolean {
  return monitor !== undefined && isAlive(monitor)
}

/** Whether it was killed while it was needed: nobody reads what the container prints, nor learns how it ends. */
export function hasLostMonitor(stateRoot: string, record: ContainerRecord): boolean {
  return (
    record.monitor !== undefined &&
    record.managed?.exit === undefined &&
    !hasMonitor(record) &&
    readExit(stateRoot, record.id) === undefined
  )
}

/** Whether its monitor waits to start it again, or is at it. */
export function isRestarting(stateRoot: string, record: ContainerRecord): boolean {
  if (!hasMonitor(record) || isAlive(record) || isGivenUp(record.managed)) return false
  return !isStopRequested(stateRoot, record.id) && (readExit(stateRoot, record.id)?.restarts ?? false)
}

/**
 * Whether no restart policy tries it again: as with docker, a command that cannot be executed, and whatever the start
 * fails with that a caller has asked for, and is told of.
 */
export function isGivenUp(managed: ContainerRecord['managed']): boolean {
  const failure = managed?.startFailure
  if (failure === undefined) return false
  return failure.code.startsWith('COMMAND_') || (managed?.detached?.restarts ?? 0) === 0
}

/** Keeps a container from being restarted by its policy. To be called before it gets the signal that stops it. */
export function forbidRestart(
  stateRoot: string,
  record: ContainerRecord,
  { untilBoot = false }: { readonly untilBoot?: boolean } = {},
): void {
  // Not by its monitor: it has none at the moment while it is being restarted.
  if (record.managed?.detached === undefined) return
  const places = untilBoot ? [containerDirectory(stateRoot, record.id)] : placesOf(stateRoot, record)
  for (const directory of places) leaveMark(join(directory, stopFileName))
  // One that waits to restart it stops waiting.
  if (isRestarting(stateRoot, record)) signalMonitor(record)
}

/** Somebody starts it anew. */
export function allowRestart(stateRoot: string, record: ContainerRecord): void {
  for (const directory of placesOf(stateRoot, record)) rmSync(join(directory, stopFileName), { force: true })
}

/** @throws UtsuwaError NO_SPACE */
function leaveMark(path: string): void {
  inRoom(path, () => writeFileSync(path, ''))
}

/** For its monitor, and for the next boot. */
function placesOf(stateRoot: string, { id, managed }: ContainerRecord): string[] {
  const detached = managed?.detached
  return [
    containerDirectory(stateRoot, id),
    ...(detached === undefined ? [] : [join(detached.storeRoot, 'containers', id)]),
  ]
}

export function isStopRequested(stateRoot: string, id: string): boolean {
  return existsSync(join(containerDirectory(stateRoot, id), stopFileName))
}

/** Says that all of a container is about to go: its monitor has nothing to clean up. */
export function announceRemoval(stateRoot: string, { id, monitor }: ContainerRecord): void {
  if (monitor !== undefined) leaveMark(join(containerDirectory(stateRoot, id), removalFileName))
}

export function isRemovalAnnounced(stateRoot: string, id: string): boolean {
  return existsSync(join(containerDirectory(stateRoot, id), removalFileName))
}

/** Resolves when the monitor of a container whose processes are gone needs its files no more. */
export async function untilMonitorIsDone(stateRoot: string, record: ContainerRecord): Promise<void> {
  const deadline = Date.now() + EXIT_TIMEOUT_MS
  while (hasMonitor(record) && readExit(stateRoot, record.id) === undefined && Date.now() < deadline)
    await sleep(EXIT_POLL_MS)
  signalMonitor(record)
}

function signalMonitor({ monitor }: ContainerRecord): void {
  if (monitor !== undefined) signalInit(monitor, constants.signals.SIGTERM)
}
