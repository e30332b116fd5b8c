/** The containers that start with the machine. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KEPT_FILE, type KeptContainer } from '../../runtime/state/keep-for-boot.ts'
import { isRestarting } from '../../runtime/state/monitored.ts'
import { claimName, containersDirectory, nameOrIdOf } from '../../runtime/state/names.ts'
import { stopFileName } from '../../runtime/state/places.ts'
import { addRecord, findRecord, ROOTFS_MOUNT_POINT } from '../../runtime/state/record.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { containerStatus } from '../../runtime/state/status.ts'
import { reclaimUserIds } from '../../runtime/state/user-ids.ts'
import { parseJson } from '../../spec/json.ts'
import { isErrno } from '../../util/errno.ts'
import { inRoom } from '../../util/room.ts'
import { startAgain } from './start-again.ts'

/**
 * Makes the containers known again that were kept for a boot, and starts those that want to run, in the order in which
 * they were created: one may share the namespaces of an earlier one. Where there was no boot it starts those again that
 * `stopAtShutdown` has stopped. Others, such as those that run, it leaves alone.
 *
 * @param onFailure is told of each that does not start
 * @returns the names of those that were started, and the ids of those that have none
 */
export async function startAtBoot(
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots,
  onFailure: (nameOrId: string, error: unknown) => void,
): Promise<string[]> {
  const started: string[] = []
  for (const kept of readKept(root, onFailure)) {
    const name = nameOrIdOf(kept.record)
    try {
      if (await startIfWanted(kept, { root, runRoot })) started.push(name)
    } catch (error) {
      onFailure(name, error)
    }
  }
  return started
}

function readKept(root: string, onFailure: (id: string, error: unknown) => void): KeptContainer[] {
  const all: KeptContainer[] = []
  for (const id of keptIds(root)) {
    const path = join(root, 'containers', id, KEPT_FILE)
    try {
      all.push(parseJson(readFileSync(path, 'utf8'), path) as unknown as KeptContainer)
    } catch (error) {
      onFailure(id, error)
    }
  }
  return all.sort((a, b) => a.record.created.localeCompare(b.record.created))
}

function keptIds(root: string): string[] {
  try {
    return readdirSync(join(root, 'containers')).filter(id => existsSync(join(root, 'containers', id, KEPT_FILE)))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

async function startIfWanted(kept: KeptContainer, roots: Required<Roots>): Promise<boolean> {
  const { root, runRoot } = roots
  const { id, managed } = kept.record
  const stateRoot = containersDirectory(runRoot)
  const known = findRecord(stateRoot, id)
  if (known === undefined) restore(kept, runRoot)
  else if (containerStatus(stateRoot, known) !== 'stopped' || isRestarting(stateRoot, known)) return false
  const wasStopped = existsSync(join(root, 'containers', id, stopFileName))
  if (wasStopped && managed?.detached?.restart.name !== 'always') return false
  await startAgain(id, roots)
  return true
}

/** As one that has ended: of its processes there are none. */
function restore({ record: kept, spec, etc }: KeptContainer, runRoot: string): void {
  const { monitor: _, started: __, ...record } = kept
  using container = addRecord(containersDirectory(runRoot), { ...record, phase: 'created', pid: 0, pidStartTime: 0 })
  container.writeSpec(spec)
  inRoom(container.directory, () => {
    mkdirSync(join(container.directory, ROOTFS_MOUNT_POINT), { mode: 0o711 })
    mkdirSync(join(container.directory, 'etc'), { mode: 0o755 })
    for (const [name, content] of Object.entries(etc))
      writeFileSync(join(container.directory, 'etc', name), content, { mode: 0o644 })
  })
  const { name, firstUserId } = record.managed ?? {}
  if (name !== undefined) claimName(runRoot, name, record.id)
  if (firstUserId !== undefined) reclaimUserIds(runRoot, firstUserId, record.id)
}
