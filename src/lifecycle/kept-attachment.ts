/** What is kept of a container's connection to its network, beside its record. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PublishedPort } from '../config/ports.ts'
import type { Attachment } from '../network/attachment.ts'
import { isErrno } from '../util/errno.ts'
import { containerDirectory } from './record.ts'

/** Kept from before the first plugin is asked until the last has let go. */
export interface KeptAttachment extends Attachment {
  readonly ports: readonly PublishedPort[]
}

function pathOf(stateRoot: string, id: string): string {
  return join(containerDirectory(stateRoot, id), 'network.json')
}

/** Undefined when the container is connected to nothing. */
export function readAttachment(stateRoot: string, id: string): KeptAttachment | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(stateRoot, id), 'utf8')) as KeptAttachment
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

export function writeAttachment(stateRoot: string, attachment: KeptAttachment): void {
  const path = pathOf(stateRoot, attachment.containerId)
  writeFileSync(`${path}.new`, JSON.stringify(attachment), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export function forgetAttachment(stateRoot: string, id: string): void {
  rmSync(pathOf(stateRoot, id), { force: true })
}
