import { UtsuwaError } from '../errors.ts'

/** The error for an option that makes no sense. @param option as the command line spells it: `--memory` */
export function invalidOption(option: string, reason: string, hint?: string): UtsuwaError {
  return new UtsuwaError('INVALID_ARGUMENT', `${option}: ${reason}`, hint === undefined ? {} : { hint })
}
