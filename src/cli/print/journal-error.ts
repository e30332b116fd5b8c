/** Errors of what systemd runs: its journal takes each line of standard error for an entry. */
import { fstatSync } from 'node:fs'
import { printable } from './format.ts'
import { describe } from './report.ts'
import { writeAll } from './write.ts'

/** In one line, and as an error where standard error is the journal: sd-daemon(3). */
export function tellJournal(what: string, error: unknown): void {
  writeAll(2, `${isJournal(2) ? '<3>' : ''}utsuwa: ${printable(`${what}: ${describe(error).message}`)}\n`)
}

/** systemd.exec(5), $JOURNAL_STREAM. */
function isJournal(fd: number): boolean {
  const { dev, ino } = fstatSync(fd)
  return process.env.JOURNAL_STREAM === `${dev}:${ino}`
}
