/** The command line `utsuwa`, for processes that have to come back to it when nobody of ours is there any more. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** @returns the words that execute it, to be followed by its arguments */
export function commandLine(): string[] {
  const bundled = join(import.meta.dirname, 'utsuwa.cjs')
  return [process.execPath, existsSync(bundled) ? bundled : join(import.meta.dirname, '../../cli/main.ts')]
}
