/** What is kept of a container's connection to its network, beside its record. */

import { readFileSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFd } from '../../content/lock.ts'
import { isUtsuwaError } from '../../errors.ts'
import type { NetworkAttachment } from '../../network/attachment.ts'
import type { PluginOptions } from '../../network/plugins.ts'
import type { PublishedPort } from '../../options/ports.ts'
import { containerDirectory } from '../../runtime/state/record.ts'
import { replaceFile } from '../../runtime/state/whole-files.ts'
import { isErrno } from '../../util/errno.ts'

/** Kept from before the first plugin is asked until the last has let go. */
export interface KeptAttachment extends NetworkAttachment {
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

/** @throws UtsuwaError NO_SPACE */
export function writeAttachment(stateRoot: string, attachment: KeptAttachment): void {
  replaceFile(pathOf(stateRoot, attachment.containerId), JSON.stringify(attachment))
}

export function forgetAttachment(stateRoot: string, id: string): void {
  rmSync(pathOf(stateRoot, id), { force: true })
}

/** Longer than plugins take. */
const PLUGIN_TIMEOUT_MS = 5000

/** To be disposed of when no plugin is asked any more. */
export interface PluginHold extends AsyncDisposable {
  /** For each plugin that is asked. */
  readonly inherited: Pick<PluginOptions, 'lockFd'>
}

/**
 * A lock on what plugins do for a container, which they hold too: one whose caller was killed goes on for a moment, and what
 * it makes then has to be there before it is undone. One that hangs is not waited for any longer.
 */
export async function holdPlugins(stateRoot: string, id: string): Promise<PluginHold> {
  const file: FileHandle = await open(join(containerDirectory(stateRoot, id), 'network.lock'), 'a', 0o600)
  await lockFd(file.fd, 'exclusive', AbortSignal.timeout(PLUGIN_TIMEOUT_MS)).catch((error: unknown) => {
    if (!isUtsuwaError(error, 'ABORTED')) throw error
  })
  return { inherited: { lockFd: file.fd }, [Symbol.asyncDispose]: () => file.close() }
}
