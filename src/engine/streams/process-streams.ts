/** The standard streams of a process of a container, as Node streams, by line, and as web streams. */
import type { Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import type { ReadableStream, WritableStream } from 'node:stream/web'
import { UtsuwaError } from '../../errors.ts'
import type { Streams } from './stdio.ts'

/** Standard streams as web streams, where they are pipes. */
export interface WebStreams {
  readonly stdin: WritableStream<Uint8Array> | undefined
  readonly stdout: ReadableStream<Uint8Array> | undefined
  readonly stderr: ReadableStream<Uint8Array> | undefined
}

/** Options of `lines`. */
export interface LinesOptions {
  /** Bytes; a longer line comes in pieces, since a process may print one that never ends. Default: 1 MiB. */
  readonly maxLength?: number
}

const DEFAULT_MAX_LENGTH = 1024 * 1024
const NEWLINE = 0x0a

export abstract class ProcessStreams {
  /**
   * Streams of the process with `stdio: 'pipe'`. What it printed last can be read after its end; the descriptors are
   * closed then, read or not.
   */
  readonly stdin: Socket | undefined
  readonly stdout: Readable | undefined
  readonly stderr: Readable | undefined

  constructor({ stdin, stdout, stderr }: Streams) {
    this.stdin = stdin
    this.stdout = stdout
    this.stderr = stderr
  }

  /**
   * What the process prints, line by line, without the line ends; UTF-8. Whoever stops before the end can go on with
   * another call: the rest stays in the stream, and the process waits when it is full.
   *
   * @example for await (const line of box.lines()) if (line === 'ready') break
   * @throws UtsuwaError INVALID_ARGUMENT unless the stream is a pipe
   */
  lines(from: 'stdout' | 'stderr' = 'stdout', options: LinesOptions = {}): AsyncGenerator<string, void, undefined> {
    const stream = this[from]
    if (stream === undefined)
      throw new UtsuwaError('INVALID_ARGUMENT', `${from} is not a pipe`, {
        operation: `read lines of ${from}`,
        hint: "give stdio: 'pipe'",
      })
    return linesOf(stream, options)
  }

  /** The same streams for code that knows web streams. Use either these or those. */
  webStreams(): WebStreams {
    const { stdin, stdout, stderr } = this
    return {
      stdin: stdin && (Writable.toWeb(stdin) as WritableStream<Uint8Array>),
      stdout: stdout && (Readable.toWeb(stdout) as ReadableStream<Uint8Array>),
      stderr: stderr && (Readable.toWeb(stderr) as ReadableStream<Uint8Array>),
    }
  }
}

/** @param stream of bytes */
export async function* linesOf(
  stream: Readable,
  { maxLength = DEFAULT_MAX_LENGTH }: LinesOptions = {},
): AsyncGenerator<string, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  let ended = false
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      rest = Buffer.concat([rest, chunk as Buffer])
      for (;;) {
        const end = rest.indexOf(NEWLINE)
        const length = end >= 0 && end <= maxLength ? end : maxLength
        if (end < 0 && rest.length <= maxLength) break
        const line = rest.toString('utf8', 0, length)
        rest = rest.subarray(length === end ? end + 1 : length)
        yield line
      }
    }
    ended = true
    if (rest.length > 0) yield rest.toString('utf8')
  } finally {
    if (!ended && rest.length > 0 && !stream.readableEnded && !stream.destroyed) stream.unshift(rest)
  }
}
