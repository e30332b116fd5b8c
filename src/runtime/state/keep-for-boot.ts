/**
 * Containers across a boot: what is known of one is below /run and gone with it, so of those whose restart policy holds
 * across a boot the same is kept in the store, beside what they write.
 */

import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringifyJson } from '../../spec/json.ts'
import type { RuntimeSpec } from '../../spec/runtime.ts'
import { type ContainerRecord, containerDirectory } from './record.ts'
import { replaceFile } from './whole-files.ts'

/** src/snapshot/active.ts keeps what a container wrote for as long as this is there. */
export const KEPT_FILE = 'container.json'

export interface KeptContainer {
  readonly record: ContainerRecord
  readonly spec: RuntimeSpec
  /** Files of its directory that are mounted into it, by name: hosts and the like. */
  readonly etc: Readonly<Record<string, string>>
}

/**
 * Keeps a container for the next boot, if its restart policy holds across one. On disk when this returns, with the
 * snapshot's own file: the machine may lose its power before the kernel writes them by itself.
 * @throws UtsuwaError NO_SPACE
 */
export function keepForBoot(stateRoot: string, record: ContainerRecord, spec: RuntimeSpec): void {
  const detached = record.managed?.detached
  if (detached === undefined || !/^(?:always|unless-stopped)$/.test(detached.restart.name)) return
  const directory = join(detached.storeRoot, 'containers', record.id)
  const content = stringifyJson({ record, spec, etc: filesOf(stateRoot, record) } satisfies KeptContainer)
  replaceFile(join(directory, KEPT_FILE), content)
  for (const path of [KEPT_FILE, 'snapshot.json', '.']) flush(join(directory, path))
}

function flush(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function filesOf(stateRoot: string, { id }: ContainerRecord): Record<string, string> {
  const directory = join(containerDirectory(stateRoot, id), 'etc')
  const names = existsSync(directory) ? readdirSync(directory) : []
  return Object.fromEntries(names.map(name => [name, readFileSync(join(directory, name), 'utf8')]))
}
