/** `events`: what happens to a container while it lives. */
import { watch } from 'node:fs'
import { join } from 'node:path'
import { type CgroupStats, readCgroupStats } from '../cgroup/stats/stats.ts'
import { type CgroupUse, readCgroupUse } from '../cgroup/stats/use.ts'
import { type NetworkUse, readNetworkUse } from '../engine/connect/network-use.ts'
import { UtsuwaError } from '../errors.ts'
import { isErrno } from '../util/errno.ts'
import { cgroupDirectory } from './state/cgroup-directory.ts'
import { type ContainerRecord, readRecord } from './state/record.ts'
import { containerStatus, isAlive } from './state/status.ts'

/** What a container uses at a moment, as its cgroup says, and its network where it has one of its own. */
export type ContainerStats = CgroupStats & { readonly use: CgroupUse; readonly network: NetworkUse | undefined }

/** @throws UtsuwaError CONTAINER_NOT_FOUND; CONTAINER_NOT_RUNNING when it has stopped; UNSUPPORTED without a cgroup */
export function stats(stateRoot: string, id: string): ContainerStats {
  const record = readRecord(stateRoot, id)
  return statsOf(runningCgroup(stateRoot, record), record)
}

function statsOf(directory: string, record: ContainerRecord): ContainerStats {
  return { ...readCgroupStats(directory), use: readCgroupUse(directory), network: readNetworkUse(record) }
}

function runningCgroup(stateRoot: string, record: ContainerRecord): string {
  if (containerStatus(stateRoot, record) === 'stopped')
    throw new UtsuwaError('CONTAINER_NOT_RUNNING', `container with id ${record.id} is not running`)
  return cgroupDirectory(record)
}

export interface EventHandlers {
  /** The kernel has killed a process of the container for lack of memory. */
  onOom(): void
  onStats(stats: ContainerStats): void
}

/**
 * Tells of every OOM kill, and of statistics each `intervalMs`. Resolves when the container has ended.
 * @throws UtsuwaError as `containerStats`
 */
export async function watchEvents(
  stateRoot: string,
  id: string,
  intervalMs: number,
  { onOom, onStats }: EventHandlers,
): Promise<void> {
  const record = readRecord(stateRoot, id)
  const directory = runningCgroup(stateRoot, record)
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  let kills = oomKills(directory)
  const look = (): void => {
    const now = oomKills(directory)
    for (; kills < now; kills++) onOom()
    if (!isAlive(record)) resolve()
  }
  // cgroup.events tells of the last process that leaves; both files are announced by inotify (cgroup-v2).
  const watchers = ['memory.events', 'cgroup.events'].flatMap(file => watchIfThere(join(directory, file), look))
  const timer = setInterval(() => onStats(statsOf(directory, record)), intervalMs)
  look()
  await ended
  clearInterval(timer)
  for (const watcher of watchers) watcher.close()
}

function oomKills(directory: string): number {
  return readCgroupStats(directory).memory?.events.oomKill ?? 0
}

function watchIfThere(path: string, callback: () => void) {
  try {
    return [watch(path, callback)]
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [] // no such controller
    throw error
  }
}
