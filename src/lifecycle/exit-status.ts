/** A process's end as the exit status that a shell would give. */
import type { ProcessExit } from '../sys/index.ts'

/** What a shell adds to the number of the signal that ended a command. */
export const SIGNAL_BASE = 128
/** That of a command that SIGKILL has ended. */
export const KILLED = SIGNAL_BASE + 9

export function exitStatus({ exitCode, signal }: Pick<ProcessExit, 'exitCode' | 'signal'>): number {
  return exitCode ?? SIGNAL_BASE + (signal ?? 0)
}
