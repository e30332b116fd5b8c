/** What a container has printed so far, and what it prints from now on, for any number of readers. */
import { Readable } from 'node:stream'

export type Channel = 'stdout' | 'stderr'

interface Piece {
  readonly channel: Channel
  readonly chunk: Buffer
}

/** Older output is forgotten. */
const MAX_BYTES = 16 * 1024 * 1024

export class Logs {
  #pieces: Piece[] = []
  #bytes = 0
  #ended = false
  readonly #readers = new Set<(piece: Piece | undefined) => void>()

  constructor(stdout: Readable, stderr: Readable) {
    const ends = [this.#collect('stdout', stdout), this.#collect('stderr', stderr)]
    void Promise.allSettled(ends).then(() => this.#end())
  }

  /** All that is kept, then all that comes, up to the end. @param channel both when absent */
  stream(channel?: Channel): Readable {
    const stream = new Readable({
      read: () => undefined,
      destroy: (error, done) => {
        this.#readers.delete(push)
        done(error)
      },
    })
    const push = (piece: Piece | undefined): void => {
      if (piece === undefined) stream.push(null)
      else if (channel === undefined || piece.channel === channel) stream.push(piece.chunk)
    }
    for (const piece of this.#pieces) push(piece)
    if (this.#ended) push(undefined)
    else this.#readers.add(push)
    return stream
  }

  /** The last lines, for a message. */
  tail(lines: number): string {
    const text = Buffer.concat(this.#pieces.slice(-lines).map(({ chunk }) => chunk)).toString('utf8')
    return text.trimEnd().split('\n').slice(-lines).join('\n')
  }

  async #collect(channel: Channel, stream: Readable): Promise<void> {
    for await (const chunk of stream) this.#add({ channel, chunk: chunk as Buffer })
  }

  #add(piece: Piece): void {
    this.#pieces.push(piece)
    this.#bytes += piece.chunk.length
    while (this.#bytes > MAX_BYTES) this.#bytes -= this.#pieces.shift()!.chunk.length
    for (const reader of this.#readers) reader(piece)
  }

  #end(): void {
    this.#ended = true
    for (const reader of this.#readers) reader(undefined)
    this.#readers.clear()
  }
}
