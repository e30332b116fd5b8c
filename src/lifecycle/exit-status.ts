/** A process's end as the exit status that a shell would give. */
import type { ProcessExit } from '../sys/index.ts'

const SIGNAL_BASE = 128

export function exitStatus({ exitCode, signal }: Pick<ProcessExit, 'exitCode' | 'signal'>): number {
  return exitCode ?? SIGNAL_BASE + (signal ?? 0)
}
