/** A process's end as the exit status that a shell would give. */

/** How a process ended: one of the two is set. */
interface End {
  readonly exitCode: number | undefined
  readonly signal: number | undefined
}

/** What a shell adds to the number of the signal that ended a command. */
export const SIGNAL_BASE = 128
/** That of a command that SIGKILL has ended. */
export const KILLED = SIGNAL_BASE + 9

/** Those of docker and podman for a command that was not executed. */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126
const OTHER_FAILURE = 125

export function exitStatus({ exitCode, signal }: End): number {
  return exitCode ?? SIGNAL_BASE + (signal ?? 0)
}

/** @param error why the command was not executed: an UtsuwaError, or the part of one that is kept */
export function failureStatus(error: unknown): number {
  const code = error instanceof Object && 'code' in error ? error.code : undefined
  if (code === 'COMMAND_NOT_FOUND') return NOT_FOUND
  return code === 'COMMAND_NOT_EXECUTABLE' ? NOT_EXECUTABLE : OTHER_FAILURE
}
