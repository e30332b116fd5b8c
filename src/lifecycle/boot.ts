/** The containers that start with the machine. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseJson } from '../spec/json.ts'
import { isErrno } from '../util/errno.ts'
import { stopFileName } from './detached.ts'
import { KEPT_FILE, type KeptContainer } from './keep-for-boot.ts'
import { containersDirectory, takeName } from './names.ts'
import { addRecord, findRecord, ROOTFS_MOUNT_POINT } from './record.ts'
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT, type Roots } from './roots.ts'
import { startAgain } from './start-again.ts'

/**
 * After a boot: makes the containers known again that were kept for it, and starts those that want to run. Others, such
 * as those that are known already, it leaves alone.
 *
 * @param onFailure is told of each that does not start
 * @returns the ids of those that were started
 */
export async function startAtBoot(
  { root = DEFAULT_ROOT, runRoot = DEFAULT_RUN_ROOT }: Roots,
  onFailure: (id: string, error: unknown) => void,
): Promise<string[]> {
  const started: string[] = []
  for (const id of keptIds(root)) {
    try {
      const kept = readKept(root, id)
      const { record } = kept
      if (findRecord(containersDirectory(runRoot), id) !== undefined) continue
      restore(kept, runRoot)
      const wasStopped = existsSync(join(root, 'containers', id, stopFileName))
      if (wasStopped && record.managed?.detached?.restart.name !== 'always') continue
      await startAgain(id, { root, runRoot })
      started.push(id)
    } catch (error) {
      onFailure(id, error)
    }
  }
  return started
}

function keptIds(root: string): string[] {
  try {
    return readdirSync(join(root, 'containers')).filter(id => existsSync(join(root, 'containers', id, KEPT_FILE)))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

function readKept(root: string, id: string): KeptContainer {
  const path = join(root, 'containers', id, KEPT_FILE)
  return parseJson(readFileSync(path, 'utf8'), path) as unknown as KeptContainer
}

/** As one that has ended: of its processes there are none. */
function restore({ record: kept, spec, etc }: KeptContainer, runRoot: string): void {
  const { monitor: _, started: __, ...record } = kept
  using container = addRecord(containersDirectory(runRoot), { ...record, phase: 'created', pid: 0, pidStartTime: 0 })
  container.writeSpec(spec)
  mkdirSync(join(container.directory, ROOTFS_MOUNT_POINT), { mode: 0o700 })
  mkdirSync(join(container.directory, 'etc'), { mode: 0o755 })
  for (const [name, content] of Object.entries(etc))
    writeFileSync(join(container.directory, 'etc', name), content, { mode: 0o644 })
  const name = record.managed?.name
  if (name !== undefined) takeName(runRoot, name, record.id)
}
