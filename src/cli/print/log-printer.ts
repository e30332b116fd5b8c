/** A container's log as the container printed it: each stream on its own descriptor, in the order of the log. */
import { writeAllAsync } from './write.ts'

const OUTPUT_SIZE = 256 * 1024
const NEWLINE = 0x0a
const SPACE = 0x20
const PARTIAL = 'P'.charCodeAt(0)
const ERROR_LETTER = 'e'.charCodeAt(0)
/** Of `2026-01-02T03:04:05.123456789Z stdout F text`. */
const TIME_LENGTH = 30
/** What tells `stderr` from `stdout`. */
const STREAM_LETTER_AT = 34
const TAG_AT = 38
const TEXT_AT = 40

export interface LogPrinterOptions {
  readonly timestamps?: boolean
  readonly since?: Date | undefined
  readonly until?: Date | undefined
}

/** Makes no object for a line: there may be millions. */
export class LogPrinter {
  readonly #timestamps: boolean
  readonly #first: string | undefined
  readonly #last: string | undefined
  readonly #output = Buffer.allocUnsafe(OUTPUT_SIZE)
  readonly #isWithinLine = [false, false, false]
  #length = 0
  #fd = 1
  /** Nobody reads any more, or all that follows is too new. */
  isDone = false

  constructor({ timestamps = false, since, until }: LogPrinterOptions) {
    this.#timestamps = timestamps
    this.#first = since?.toISOString().slice(0, -1)
    this.#last = until?.toISOString().slice(0, -1)
  }

  /** @param data whole lines of the log */
  async print(data: Buffer): Promise<void> {
    for (let at = 0; !this.isDone; ) {
      const end = data.indexOf(NEWLINE, at)
      if (end < 0) break
      if (isEntry(data, at, end) && this.#isWanted(data, at)) {
        const fd = data[at + STREAM_LETTER_AT] === ERROR_LETTER ? 2 : 1
        if (fd !== this.#fd || this.#length + end + 1 - at > OUTPUT_SIZE) await this.#flush()
        this.#fd = fd
        this.#add(data, at, end)
      }
      at = end + 1
    }
    await this.#flush()
  }

  #add(data: Buffer, at: number, end: number): void {
    const partial = data[at + TAG_AT] === PARTIAL
    if (this.#timestamps && !this.#isWithinLine[this.#fd])
      this.#length += data.copy(this.#output, this.#length, at, at + TIME_LENGTH + 1)
    this.#length += data.copy(this.#output, this.#length, at + TEXT_AT, partial ? end : end + 1)
    this.#isWithinLine[this.#fd] = partial
  }

  #isWanted(data: Buffer, at: number): boolean {
    if (this.#first === undefined && this.#last === undefined) return true
    const time = data.toString('latin1', at, at + TIME_LENGTH)
    if (this.#last !== undefined && time > this.#last) this.isDone = true
    return !this.isDone && (this.#first === undefined || time >= this.#first)
  }

  async #flush(): Promise<void> {
    if (this.#length > 0 && !(await writeAllAsync(this.#fd, this.#output.subarray(0, this.#length)))) this.isDone = true
    this.#length = 0
  }
}

function isEntry(data: Buffer, at: number, end: number): boolean {
  return end - at >= TEXT_AT && data[at + TIME_LENGTH] === SPACE && data[at + TEXT_AT - 1] === SPACE
}
