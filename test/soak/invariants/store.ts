import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Invariant } from './invariant.ts'

/** Of an empty store: no blob, layer, container's files, volume, nor anything half finished. */
export const store: Invariant = {
  name: 'store',
  observe: ({ root }) => {
    const entries = readdirSync(root, { withFileTypes: true })
    const below = entries.flatMap(entry =>
      entry.isDirectory() ? namesIn(root, entry.name, entry.name === 'oci' ? 3 : 1) : [entry.name],
    )
    return below.sort()
  },
}

/** What is in a directory, down to a depth: a layer or a container's files are one thing. */
function namesIn(root: string, path: string, depth: number): string[] {
  if (depth === 0) return [path]
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? namesIn(root, join(path, entry.name), depth - 1) : [join(path, entry.name)],
  )
}
