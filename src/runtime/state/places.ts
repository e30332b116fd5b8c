/** Names of the files that a container, its monitor and the commands share, and the directory of its log. */
import { join } from 'node:path'
import type { DetachedRecord } from './record.ts'

export const LOG_NAME = 'container.log'
export const attachSocketName = 'attach.sock'
export const exitFileName = 'exit.json'
/** Made by whoever stops a container: it is not restarted. native/monitor_end.c looks for it. */
export const stopFileName = 'stopped'
/** Made by whoever removes a container: there is nothing to clean up for its monitor. */
export const removalFileName = 'removed'

/** Host path of the directory that a container's log is in. */
export function logDirectory({ storeRoot }: DetachedRecord, id: string): string {
  return join(storeRoot, 'containers', id, 'log')
}
