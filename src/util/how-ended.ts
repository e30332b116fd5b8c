/** How a program ended that was started for something, for the errors about it. */
import { constants } from 'node:os'
import { UtsuwaError, type UtsuwaErrorCode } from '../errors.ts'

/** As Node tells of a child: one of the two is null. */
export interface ProgramEnd {
  readonly code: number | null
  readonly signal: string | null
}

/** `killed by SIGKILL`, `exit status 2` */
export function howEnded({ code, signal }: ProgramEnd): string {
  return signal === null ? `exit status ${code}` : `killed by ${signal}`
}

/**
 * What a program complained of first, else how it ended; of one that was killed both, since the signal is the reason.
 * @param complaint what it wrote to standard error
 */
export function reasonOfEnd(program: string, end: ProgramEnd, complaint: string): string {
  const [line = ''] = complaint.trim().split('\n')
  if (end.signal === null && line !== '') return line
  return [`${program}: ${howEnded(end)}`, line].filter(Boolean).join(': ')
}

/** The error of a program that handles files. @returns NO_SPACE, or KERNEL_OPERATION_FAILED */
export function programError(program: string, end: ProgramEnd, complaint: string, operation: string): UtsuwaError {
  const code: UtsuwaErrorCode = complaint.includes('No space left on device') ? 'NO_SPACE' : 'KERNEL_OPERATION_FAILED'
  return new UtsuwaError(code, reasonOfEnd(program, end, complaint), { operation })
}

/** `9` → `SIGKILL`, `37` → `SIGRTMIN+3` */
export function signalName(number: number): string {
  const known = Object.entries(constants.signals).find(([, value]) => value === number)
  return known?.[0] ?? `SIGRTMIN+${number - 34}`
}
