/** Spawning the command lines, the way that costs a Node program least. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'

let count = 0

/** Unique, and a name that everybody takes. */
export const newId = (): string => `bench-${process.pid}-${count++}`

/** Blocks until it has ended. @throws Error with what it printed */
export function runSync(command: readonly string[]): void {
  // A file, because a pipe would stay open in the container that a command leaves behind.
  const path = `/tmp/complaints-${count++}`
  const fd = openSync(path, 'w')
  const { status, signal, error } = spawnSync(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', fd] })
  closeSync(fd)
  const complaints = readFileSync(path, 'utf8')
  rmSync(path)
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command[0]} ended with ${signal ?? status}: ${complaints.trim().slice(-300)}`)
}

export async function runAsync(command: readonly string[]): Promise<void> {
  const child = spawn(command[0]!, command.slice(1), { stdio: 'ignore' })
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (status !== 0) throw new Error(`${command[0]} ended with ${signal ?? status}`)
}
