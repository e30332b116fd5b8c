/**
 * Containers across a boot: what is known of one is below /run and gone with it, so of those whose restart policy holds
 * across a boot the same is kept in the store, beside what they write.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
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

/** Keeps a container for the next boot, if its restart policy holds across one. @throws UtsuwaError NO_SPACE */
export function keepForBoot(stateRoot: string, record: ContainerRecord, spec: RuntimeSpec): void {
  const detached = record.managed?.detached
  if (detached === undefined || !/^(?:always|unless-stopped)$/.test(detached.restart.name)) return
  const path = join(detached.storeRoot, 'containers', record.id, KEPT_FILE)
  replaceFile(path, stringifyJson({ record, spec, etc: filesOf(stateRoot, record) } satisfies KeptContainer))
}

function filesOf(stateRoot: string, { id }: ContainerRecord): Record<string, string> {
  const directory = join(containerDirectory(stateRoot, id), 'etc')
  const names = existsSync(directory) ? readdirSync(directory) : []
  return Object.fromEntries(names.map(name => [name, readFileSync(join(directory, name), 'utf8')]))
}
