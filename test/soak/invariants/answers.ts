/** What a command may answer, whatever happens around it. */
import type { Command, Ended } from '../command.ts'

/** What does not belong into a message for people. */
const improper: readonly [RegExp, string][] = [
  [/^\s+at .+:\d+:\d+\)?$/m, 'a stack trace'],
  [/(?<![\w/-])(undefined|null|NaN|\[object Object\])(?![\w/-])/, 'a value that is none'],
  [/AbortError|operation was aborted/, 'an AbortError'],
  [/^utsuwa(-oci)?: E[A-Z0-9]{2,}\b/m, 'an errno without what failed'],
  [/\bE[A-Z]{3,}: [a-z -]+, [a-z]+( '|$)/m, 'an error of Node'],
]

/** Signals that a process sends itself when it fails inside. */
const CRASHES = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'])

/** @returns what is wrong with it, in words */
export function complaints(command: Command, ended: Ended): string[] {
  if (ended.hung !== undefined) return [`it hung:\n${ended.hung}`]
  const { status, signal, stderr, disturbance } = ended
  const found = improper.filter(([pattern]) => pattern.test(stderr)).map(([, what]) => `it prints ${what}`)
  if (signal !== null && (disturbance === undefined || CRASHES.has(signal))) found.push(`it died of ${signal}`)
  if (disturbance !== undefined || command.speaksForContainer) return found
  if (status !== 0 && signal === null && stderr.trim() === '') found.push(`it failed without a word`)
  if (command.mustSucceed && status !== 0) found.push('it failed, for which it has no reason')
  return found
}
