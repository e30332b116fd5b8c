/**
 * What has happened to containers, a JSON document a line in a file of the run root: `events` tells of what other
 * processes did, and `wait` of containers that are gone already.
 */

import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync, watch, writeSync } from 'node:fs'
import { join } from 'node:path'
import { constants, sys } from '../../sys/index.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { errnoOf } from '../../util/errno.ts'
import { finishedAlways } from '../../util/finished-always.ts'
import { readIfThere } from '../../util/read-if-there.ts'
import { inRoom } from '../../util/room.ts'
import type { ContainerRecord } from './record.ts'

/** Docker's words for what happens to a container. */
export type JournalEventType =
  | 'create'
  | 'start'
  | 'exec_start'
  | 'oom'
  | 'die'
  | 'kill'
  | 'stop'
  | 'pause'
  | 'unpause'
  | 'update'
  | 'rename'
  | 'destroy'

/** Something that happened to a container, as the journal keeps it. */
export interface JournalEvent {
  /** RFC 3339, UTC. */
  readonly time: string
  readonly type: JournalEventType
  readonly id: string
  readonly name?: string
  readonly image?: string
  readonly labels?: Readonly<Record<string, string>>
  /**
   * `exitCode` of `die`; `signal` of `kill`, and `by` whom: `stop` (`grace`: seconds that it had when it was killed),
   * `kill`, `wall-timeout` and `cpu-timeout` (`limit`: milliseconds), `program` for
   * whoever runs it; `oldName` of `rename`, `command` of `exec_start`.
   */
  readonly attributes?: Readonly<Record<string, string>>
}

const FILE = 'events.jsonl'
/** What is older than two files of this size is forgotten. */
const MAX_SIZE = 1024 * 1024
const READ_SIZE = 64 * 1024
const NEWLINE = 0x0a

const journalPath = (runRoot: string): string => join(runRoot, FILE)
const earlierPath = (runRoot: string): string => `${journalPath(runRoot)}.1`

/** Does its best: that nobody can be told, for want of room perhaps, must not keep a container from living or ending. */
export function appendEvent(
  runRoot: string,
  type: JournalEventType,
  { id, managed }: Pick<ContainerRecord, 'id' | 'managed'>,
  attributes?: Readonly<Record<string, string>>,
): void {
  const event: JournalEvent = {
    time: new Date().toISOString(),
    type,
    id,
    ...(managed?.name === undefined ? {} : { name: managed.name }),
    ...(managed?.image === undefined ? {} : { image: managed.image }),
    ...(managed?.labels === undefined ? {} : { labels: managed.labels }),
    ...(attributes === undefined ? {} : { attributes }),
  }
  try {
    append(runRoot, `${JSON.stringify(event)}\n`)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}

/** In one write with O_APPEND, so that lines of several processes do not mix. */
function append(runRoot: string, line: string): void {
  const fd = openSync(journalPath(runRoot), 'a', 0o600)
  try {
    writeSync(fd, line)
    if (fstatSync(fd).size > MAX_SIZE) beginAnew(runRoot, fd)
  } finally {
    closeSync(fd)
  }
}

/** By one process, and only of the file that is full: another may have put a new one in its place. */
function beginAnew(runRoot: string, fd: number): void {
  if (!sys.flock(fd, constants.LOCK_EX | constants.LOCK_NB)) return
  if (isAt(fd, journalPath(runRoot))) renameSync(journalPath(runRoot), earlierPath(runRoot))
}

function isAt(fd: number, path: string): boolean {
  return fstatSync(fd).ino === statSync(path, { throwIfNoEntry: false })?.ino
}

/** All that is remembered, the oldest first. */
export function readJournal(runRoot: string): JournalEvent[] {
  return [earlierPath(runRoot), journalPath(runRoot)].flatMap(path => parseLines(readIfThere(path)))
}

/** What happened to a container last of all that is of this type, as far back as is remembered. */
export function lastEvent(runRoot: string, id: string, type: JournalEventType): JournalEvent | undefined {
  return readJournal(runRoot).findLast(event => event.id === id && event.type === type)
}

/** When a container was started last; of one in the foreground only the journal knows. */
export function startOf(runRoot: string, { id, started }: ContainerRecord): string | undefined {
  return started ?? lastEvent(runRoot, id, 'start')?.time
}

function parseLines(text = ''): JournalEvent[] {
  return text
    .split('\n')
    .map(line => line.slice(Math.max(0, line.lastIndexOf(LINE_START))))
    .filter(isWhole)
    .map(line => JSON.parse(line) as JournalEvent)
}

/** On a full file system a line may have been cut short, and the next one follows it. Within a line this is escaped. */
const LINE_START = '{"time":'

const isWhole = (line: string): boolean => line.startsWith(LINE_START) && line.endsWith('}')

/** Options of `followJournal`. */
export interface FollowOptions {
  /** Begin with what is remembered; otherwise with what happens from this call on. Default: false. */
  readonly past?: boolean
  readonly signal?: AbortSignal
}

/**
 * What happens, as it happens, without end.
 * @throws UtsuwaError ABORTED, from the iteration
 */
export function followJournal(
  runRoot: string,
  { past = false, signal }: FollowOptions = {},
): AsyncGenerator<JournalEvent, void, undefined> {
  inRoom(runRoot, () => mkdirSync(runRoot, { recursive: true, mode: 0o711 }))
  let wake = (): void => undefined
  using opened = new DisposableStack()
  const tail = opened.adopt(new Tail(runRoot, past), each => each.close())
  // Watched from now on, so that nothing is missed between this call and the first turn of the iteration.
  const watcher = watch(runRoot, (_, name) => {
    if (name === FILE) wake()
  })
  opened.defer(() => watcher.close())
  const word = (): Promise<void> =>
    new Promise(resolve => {
      wake = resolve
    })
  const earlier = past ? parseLines(readIfThere(earlierPath(runRoot))) : []
  const abort = (): void => wake()
  signal?.addEventListener('abort', abort)
  opened.defer(() => signal?.removeEventListener('abort', abort))
  const kept = opened.move()
  return finishedAlways(iterate(earlier, tail, word, signal), () => kept.dispose())
}

async function* iterate(
  earlier: readonly JournalEvent[],
  tail: Tail,
  word: () => Promise<void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<JournalEvent, void, undefined> {
  yield* earlier
  for (;;) {
    throwIfAborted(signal)
    const next = word()
    yield* tail.read()
    await next
  }
}

/** Reads what is appended, and goes on in the next file when there is one. */
class Tail {
  readonly #runRoot: string
  #fd: number
  #offset: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(runRoot: string, fromTheBeginning: boolean) {
    this.#runRoot = runRoot
    this.#fd = this.#open()
    this.#offset = fromTheBeginning ? 0 : fstatSync(this.#fd).size
  }

  read(): JournalEvent[] {
    for (const events: JournalEvent[] = []; ; ) {
      // Asked first: what is appended between the answer and the reading is read.
      const isCurrent = isAt(this.#fd, journalPath(this.#runRoot))
      events.push(...this.#readFile())
      if (isCurrent) return events
      closeSync(this.#fd)
      this.#fd = this.#open()
      this.#offset = 0
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  #open(): number {
    return openSync(journalPath(this.#runRoot), 'a+', 0o600)
  }

  #readFile(): JournalEvent[] {
    const buffer = Buffer.allocUnsafe(READ_SIZE)
    for (;;) {
      const size = readSync(this.#fd, buffer, 0, READ_SIZE, this.#offset)
      if (size === 0) break
      this.#offset += size
      this.#rest = Buffer.concat([this.#rest, buffer.subarray(0, size)])
    }
    const end = this.#rest.lastIndexOf(NEWLINE) + 1
    const text = this.#rest.toString('utf8', 0, end)
    this.#rest = this.#rest.subarray(end)
    return parseLines(text)
  }
}
