/** Programs of this machine. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** The first that may be executed, in the order of the directories. */
export function findProgram(name: string, directories: readonly string[]): string | undefined {
  return directories.map(directory => join(directory, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
