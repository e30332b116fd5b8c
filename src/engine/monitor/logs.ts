/** `logs`: what a detached container has printed, and prints. */
import { type FSWatcher, watch } from 'node:fs'
import { UtsuwaError } from '../../errors.ts'
import { hasMonitor, isRestarting, readExit } from '../../runtime/state/monitored.ts'
import { containersDirectory, readByName } from '../../runtime/state/names.ts'
import { logDirectory } from '../../runtime/state/places.ts'
import { type ContainerRecord, containerDirectory, findRecord } from '../../runtime/state/record.ts'
import { DEFAULT_RUN_ROOT, type Roots } from '../../runtime/state/roots.ts'
import { isAlive } from '../../runtime/state/status.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { isErrno } from '../../util/errno.ts'
import { LogFiles } from './log-files.ts'
import { type LogEntry, parseLogLines } from './log-lines.ts'

/** Options of `logs`. */
export interface LogsOptions extends Pick<Roots, 'runRoot'> {
  /** Go on with what it prints, until it has ended and is not restarted. Default: false. */
  readonly follow?: boolean
  /** Only the last so many lines of what there is. Default: all. */
  readonly tail?: number
  /** Nothing that was printed before. */
  readonly since?: Date
  /** Nothing that was printed after. */
  readonly until?: Date
  /** Ends the iteration with ABORTED. */
  readonly signal?: AbortSignal
}

/** A piece of a log; valid until the next is asked for. */
export interface LogBlock {
  /** Whole lines, as they are in the file: time, stream, `F` or `P`, text. */
  readonly data: Buffer
  /** Files of the log were removed before they were read: something is missing before these. */
  readonly gap: boolean
}

/** More than the longest entry has, by far. */
const BUFFER_SIZE = 256 * 1024
const NEWLINE = 0x0a
/** Looked at without word from the kernel, too: a monitor that is killed changes no file. */
const LOOK_MS = 1000

/**
 * What a container has printed, line by line.
 *
 * @param nameOrId a name, an id, or the beginning of one
 * @example for await (const { stream, text } of logs('web', { follow: true })) …
 * @throws UtsuwaError CONTAINER_NOT_FOUND; UNSUPPORTED for one whose output is not kept; ABORTED
 */
export async function* logs(
  nameOrId: string,
  { since, until, ...options }: LogsOptions = {},
): AsyncGenerator<LogEntry, void, undefined> {
  const [first, last] = [since?.toISOString().slice(0, -1) ?? '', until?.toISOString().slice(0, -1) ?? '~']
  for await (const { data } of logBlocks(nameOrId, options))
    for (const entry of parseLogLines(data)) {
      if (entry.time > last) return
      if (entry.time >= first) yield { ...entry, text: Buffer.from(entry.text) }
    }
}

/** The same in larger pieces, for those to whom time matters; without `since` and `until`. */
export async function* logBlocks(
  nameOrId: string,
  { runRoot = DEFAULT_RUN_ROOT, follow = false, tail, signal }: Omit<LogsOptions, 'since' | 'until'> = {},
): AsyncGenerator<LogBlock, void, undefined> {
  const stateRoot = containersDirectory(runRoot)
  const record = readByName(runRoot, nameOrId)
  const directory = logDirectoryOf(record, nameOrId)
  using changes = follow ? new Changes([directory, containerDirectory(stateRoot, record.id)], signal) : undefined
  using files = new LogFiles(directory)
  if (tail !== undefined) files.seekToLast(tail)
  const buffer = Buffer.allocUnsafe(BUFFER_SIZE)
  for (let held = 0; ; ) {
    throwIfAborted(signal)
    changes?.forget()
    const isOver = !follow || hasEnded(stateRoot, record.id)
    const room = buffer.subarray(held)
    let size = files.read(room)
    if (size === 0) {
      const next = files.advance(room)
      if (!next.moved && isOver) return
      if (!next.moved) await changes?.next()
      size = next.size
    }
    if (size === 0) continue
    const length = buffer.subarray(0, held + size).lastIndexOf(NEWLINE) + 1
    if (length > 0) yield { data: buffer.subarray(0, length), gap: files.gap }
    files.gap = false
    // A line that is there in part; one that never ends is nothing that a monitor writes.
    held = length === 0 && held + size === buffer.length ? 0 : buffer.copy(buffer, 0, length, held + size)
  }
}

function logDirectoryOf({ id, managed }: ContainerRecord, name: string): string {
  const detached = managed?.detached
  const operation = `read the log of container ${name}`
  if (detached === undefined)
    throw new UtsuwaError('UNSUPPORTED', 'it was run in the foreground, and printed to whoever ran it', {
      operation,
      hint: 'utsuwa run --detach … keeps what it prints',
    })
  if (detached.log.disabled) throw new UtsuwaError('UNSUPPORTED', 'what it prints is not kept', { operation })
  return logDirectory(detached, id)
}

function hasEnded(stateRoot: string, id: string): boolean {
  const record = findRecord(stateRoot, id)
  if (record === undefined) return true
  if (record.phase === 'creating') return false
  if (isAlive(record) || isRestarting(stateRoot, record)) return !hasMonitor(record)
  return readExit(stateRoot, id) !== undefined || !hasMonitor(record)
}

/** That something in a directory has changed, as inotify(7) tells. */
class Changes implements Disposable {
  readonly #watchers: readonly FSWatcher[]
  readonly #signal: AbortSignal | undefined
  #changed = false
  #wake = (): void => undefined

  constructor(directories: readonly string[], signal: AbortSignal | undefined) {
    this.#watchers = directories.flatMap(directory => watchIfThere(directory, this.#tell))
    this.#signal = signal
    signal?.addEventListener('abort', this.#tell)
  }

  /** What has happened up to now is of no interest. */
  forget(): void {
    this.#changed = false
  }

  async next(): Promise<void> {
    if (this.#changed) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, LOOK_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#signal?.removeEventListener('abort', this.#tell)
  }

  readonly #tell = (): void => {
    this.#changed = true
    this.#wake()
  }
}

function watchIfThere(directory: string, callback: () => void): FSWatcher[] {
  try {
    const watcher = watch(directory, { persistent: false }, callback)
    watcher.on('error', callback)
    return [watcher]
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
