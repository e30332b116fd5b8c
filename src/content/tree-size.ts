/** What a tree occupies, whatever is in it. */
import { lstat, readdir } from 'node:fs/promises'

const BLOCK = 512
const SLASH = Buffer.from('/')

/**
 * Bytes on disk of a file or a directory with all that is in it; hard links count once. What disappears meanwhile, and
 * what is nested too deeply for a path, counts nothing.
 */
export async function treeSize(path: string): Promise<number> {
  const seen = new Set<string>()
  let bytes = 0
  const pending = [Buffer.from(path)]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const info = await lstat(next).catch(() => undefined)
    if (info === undefined) continue
    const inode = `${info.dev}:${info.ino}`
    if (!seen.has(inode)) bytes += info.blocks * BLOCK
    if (info.nlink > 1) seen.add(inode)
    if (!info.isDirectory()) continue
    const directory = next
    const names = await readdir(directory, { encoding: 'buffer' }).catch(() => [])
    pending.push(...names.map(name => Buffer.concat([directory, SLASH, name])))
  }
  return bytes
}
