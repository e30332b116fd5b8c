/**
 * The log that engines read. Records have the form of runc's, as text or as JSON: containerd's shim takes the last one
 * whose level is error and shows its `msg`, so there is one for an error, on one line, with the cause in it.
 */
import { closeSync, openSync } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'
import { describeErrno, errnoOf } from '../../util/errno.ts'
import { printable } from '../print/format.ts'
import { writeAll } from '../print/write.ts'

export type LogLevel = 'error' | 'warning' | 'debug'

export interface OciLogOptions {
  /** Appended to. Default: standard error. */
  readonly path?: string | undefined
  readonly format: 'text' | 'json'
  /** Whether debug records are written. */
  readonly debug: boolean
}

export class Log {
  readonly #fd: number
  readonly #format: OciLogOptions['format']
  readonly #debug: boolean

  /** @throws UtsuwaError INVALID_ARGUMENT when the file cannot be opened */
  constructor({ path, format, debug }: OciLogOptions) {
    this.#fd = path === undefined ? 2 : openLog(path)
    this.#format = format
    this.#debug = debug
  }

  error(error: unknown): void {
    const message = describeError(error)
    this.#write('error', message, errorKeys(error))
    // Who called without reading the log wants to know, too.
    if (this.#fd !== 2) writeAll(2, `${printable(message)}\n`)
  }

  warning(message: string): void {
    this.#write('warning', oneLine(message), {})
  }

  debug(message: string): void {
    if (this.#debug) this.#write('debug', oneLine(message), {})
  }

  close(): void {
    if (this.#fd !== 2) closeSync(this.#fd)
  }

  #write(level: LogLevel, message: string, keys: Readonly<Record<string, string | number>>): void {
    const format = this.#format === 'json' ? jsonRecord : textRecord
    writeAll(this.#fd, `${format(level, message, rfc3339(new Date()), keys)}\n`)
  }
}

function openLog(path: string): number {
  try {
    return path === '/dev/stderr' ? 2 : openSync(path, 'a', 0o644)
  } catch (cause) {
    const errno = errnoOf(cause)
    throw new UtsuwaError('INVALID_ARGUMENT', undefined, {
      operation: `open log ${path}`,
      path,
      cause,
      ...(errno === undefined ? {} : { errno }),
    })
  }
}

export function jsonRecord(
  level: LogLevel,
  msg: string,
  time: string,
  keys: Readonly<Record<string, string | number>>,
): string {
  return JSON.stringify({ level, msg, time, ...keys })
}

/** `time="…" level=error msg="…"`; values that need no quotes have none. */
export function textRecord(
  level: LogLevel,
  msg: string,
  time: string,
  keys: Readonly<Record<string, string | number>>,
): string {
  const pairs = Object.entries({ level, ...keys }).map(([key, value]) => `${key}=${quoteIfNeeded(String(value))}`)
  return [`time="${time}"`, pairs[0], `msg=${quoteIfNeeded(msg)}`, ...pairs.slice(1)].join(' ')
}

/** JSON escapes some of the characters that steer terminals, and not those that are newer than it. */
function quoteIfNeeded(text: string): string {
  return /^[\w./@^+-]+$/.test(text) ? text : printable(JSON.stringify(text))
}

/** To the second, as runc has it. */
function rfc3339(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}

/** The message and, where there is one, the hint, on one line. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error))
  const hint = error instanceof UtsuwaError && error.hint !== undefined ? ` (${oneLine(error.hint)})` : ''
  return oneLine(error.message) + hint
}

/** What programs may want to know besides the message; the keys are documented in utsuwa-oci(8). */
function errorKeys(error: unknown): Record<string, string | number> {
  if (!(error instanceof UtsuwaError)) return {}
  const { code, operation, path, errno, configPointer: pointer } = error
  const known = { code, operation, path, errno: errno === undefined ? undefined : describeErrno(errno), pointer }
  return Object.fromEntries(Object.entries(known).filter(entry => entry[1] !== undefined)) as Record<string, string>
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, '; ')
}
