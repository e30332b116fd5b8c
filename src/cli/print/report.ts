/** Errors for people: one line on standard error and, where there is something to type, a second. */
import { CommanderError } from 'commander'
import { isUtsuwaError } from '../../errors.ts'
import { isErrno } from '../../util/errno.ts'
import { failureStatus } from '../../util/exit-status.ts'
import { printable } from './format.ts'
import { writeAll } from './write.ts'

/** Prints it. @returns the exit status that says the same */
export function reportError(error: unknown): number {
  writeAll(2, format('', error))
  return failureStatus(error)
}

/** Something that went wrong beside what was asked for, which is done. */
export function reportWarning(warning: unknown): void {
  writeAll(2, format('warning: ', warning))
}

function format(kind: string, error: unknown): string {
  const { message, hint } = describe(error)
  // What registries and archives say is in it.
  return `utsuwa: ${kind}${printable(message)}\n${hint === undefined ? '' : `hint: ${printable(hint)}\n`}`
}

interface Description {
  readonly message: string
  readonly hint: string | undefined
}

export function describe(error: unknown): Description {
  if (error instanceof CommanderError) return describeUsage(error.message)
  const message = oneLine(error instanceof Error ? error.message : String(error))
  if (isUtsuwaError(error) && error.hint !== undefined) return { message, hint: oneLine(error.hint) }
  const denied = isErrno(error, 'EACCES') || isErrno(error, 'EPERM')
  return { message, hint: denied && process.geteuid?.() !== 0 ? 'run it with sudo' : undefined }
}

/** Commander puts its suggestion on a second line, in parentheses. */
function describeUsage(text: string): Description {
  const [, message = text, suggestion] = /^(?:error: )?(.*?)(?:\n\((.*)\))?$/s.exec(text) ?? []
  return { message: oneLine(message), hint: suggestion === undefined ? 'utsuwa help' : oneLine(suggestion) }
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, '; ')
}
