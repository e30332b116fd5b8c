/** The levels of the hierarchy, from its root to a cgroup. */
import { join } from 'node:path'
import { readCgroupFile } from './stats/read-file.ts'
import { parseMemoryEvents } from './stats/stats.ts'

/** `/a/b` → `/`, `/a`, `/a/b`: the root first. */
export function levelsTo(path: string): string[] {
  const names = path.split('/').filter(Boolean)
  return ['/', ...names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)]
}

/**
 * How often each cgroup between the root and `path` has been out of memory by its own limit, as memory.events.local
 * counts it; those without the memory controller are left out. Compared with a later answer it says which limit it was
 * that a process of `path` died of.
 *
 * @param mount host path of cgroup v2
 * @param path of the cgroup below it
 */
export function outOfMemoryAbove(mount: string, path: string): Record<string, number> {
  const above = levelsTo(path).slice(1, -1)
  return Object.fromEntries(
    above.flatMap(level => {
      const text = readCgroupFile(join(mount, level, 'memory.events.local'))
      return text === undefined ? [] : [[level, parseMemoryEvents(text).oom] as const]
    }),
  )
}
