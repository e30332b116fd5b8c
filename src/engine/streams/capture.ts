/** The output of a process as text of a bounded length. */
import type { Readable } from 'node:stream'

/** What a process has printed. */
export interface CapturedText {
  /** Undefined where the stream was not captured. UTF-8; bytes that are none are replaced. */
  readonly stdout: string | undefined
  readonly stderr: string | undefined
  /** True when a stream had more than was kept. */
  readonly truncated: boolean
}

/** Reads on behind the bound: a process whose pipe is full would hang instead of ending. */
export class Capture {
  truncated = false
  readonly #chunks: Buffer[] = []
  readonly #closed: Promise<void>
  #room: number

  constructor(stream: Readable, maxBytes: number) {
    this.#room = maxBytes
    stream.on('data', (chunk: Buffer) => this.#keep(chunk))
    this.#closed = new Promise((resolve, reject) => stream.on('error', reject).on('close', resolve))
    this.#closed.catch(ignoreRejection)
  }

  async text(): Promise<string> {
    await this.#closed
    return Buffer.concat(this.#chunks).toString('utf8')
  }

  #keep(chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#room)
    this.#room -= kept.length
    if (kept.length > 0) this.#chunks.push(kept)
    if (kept.length < chunk.length) this.truncated = true
  }
}

/** A rejection that nobody looks at yet is no reason to end the program: whoever awaits the promise is told. */
export function ignoreRejection(): void {
  // Nothing to do: the promise keeps its reason.
}
