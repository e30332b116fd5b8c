/** The lines of a container's log: `2026-01-02T03:04:05.123456789Z stdout F text`, as native/monitor_log.c writes them. */

/** A line that a container has printed, or a part of one. */
export interface LogEntry {
  /** RFC 3339 in UTC with nanoseconds: when the container's monitor had all of it. */
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  /** Without the line end. */
  readonly text: Buffer
  /** The line goes on in the next entry of the stream, or has no end. */
  readonly partial: boolean
}

const NEWLINE = 0x0a
const SPACE = 0x20
const PARTIAL = 'P'.charCodeAt(0)
/** `2026-01-02T03:04:05.123456789Z` */
const TIME_LENGTH = 30
const STREAM_AT = TIME_LENGTH + 1
const STREAM_LENGTH = 6
const TAG_AT = STREAM_AT + STREAM_LENGTH + 1
const TEXT_AT = TAG_AT + 2

/** The lines of `data`, which is whole lines; they share its memory. Lines of another form are passed over. */
export function parseLogLines(data: Buffer): LogEntry[] {
  const entries: LogEntry[] = []
  for (let at = 0; ; ) {
    const end = data.indexOf(NEWLINE, at)
    if (end < 0) return entries
    const entry = parseLine(data.subarray(at, end))
    if (entry !== undefined) entries.push(entry)
    at = end + 1
  }
}

function parseLine(line: Buffer): LogEntry | undefined {
  if (line.length < TEXT_AT || line[STREAM_AT - 1] !== SPACE || line[TEXT_AT - 1] !== SPACE) return undefined
  const stream = line.toString('latin1', STREAM_AT, STREAM_AT + STREAM_LENGTH)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  return {
    time: line.toString('latin1', 0, TIME_LENGTH),
    stream,
    text: line.subarray(TEXT_AT),
    partial: line[TAG_AT] === PARTIAL,
  }
}

/**
 * Where the last lines begin.
 * @param data the end of a log file, with its last line whole
 * @param wanted lines that are missing still
 * @param isEnd whether nothing comes behind `data`: then a line without an end counts as well
 * @returns the offset of the first, and how many are missing before it
 */
export function findLastLines(
  data: Buffer,
  wanted: number,
  isEnd: boolean,
): { readonly offset: number; readonly missing: number } {
  let missing = wanted
  let last = isEnd
  for (let end = data.length; end > 0; ) {
    const start = end < 2 ? 0 : data.lastIndexOf(NEWLINE, end - 2) + 1
    if (last || data[start + TAG_AT] !== PARTIAL) {
      // What precedes it up to the line before are its own parts.
      if (missing === 0) return { offset: end, missing }
      missing--
    }
    last = false
    end = start
  }
  return { offset: 0, missing }
}
