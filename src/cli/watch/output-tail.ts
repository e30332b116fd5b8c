/** What a container prints while the live view has the terminal: its last lines, and the bytes for later. */
import { stripVTControlCharacters } from 'node:util'
import { printable } from '../print/format.ts'

const LINES_KEPT = 200
/** A line that never ends is cut here. */
const LINE_MAX = 4096
const BYTES_KEPT = 1024 * 1024

export type OutputFd = 1 | 2

export interface Printed {
  readonly fd: OutputFd
  readonly data: Buffer
}

export class OutputTail {
  #lines: string[] = []
  readonly #open: Record<OutputFd, string> = { 1: '', 2: '' }
  readonly #decoders: Readonly<Record<OutputFd, TextDecoder>> = { 1: new TextDecoder(), 2: new TextDecoder() }
  #printed: Printed[] = []
  #size = 0
  #dropped = 0

  add(fd: OutputFd, data: Buffer): void {
    this.#printed.push({ fd, data })
    this.#size += data.length
    while (this.#size > BYTES_KEPT && this.#printed.length > 1) {
      const { length } = this.#printed.shift()!.data
      this.#size -= length
      this.#dropped += length
    }
    const pieces = `${this.#open[fd]}${this.#decoders[fd].decode(data, { stream: true })}`.split('\n')
    this.#open[fd] = pieces.pop()!.slice(-LINE_MAX)
    this.#lines = [...this.#lines, ...pieces.map(asShown)].slice(-LINES_KEPT)
  }

  /** The last lines, those that have not ended included, without what steers a terminal. */
  get lines(): readonly string[] {
    return [...this.#lines, ...[this.#open[1], this.#open[2]].filter(line => line !== '').map(asShown)]
  }

  /** All of it but the oldest, of which `dropped` bytes are gone; it is forgotten. */
  take(): { readonly printed: readonly Printed[]; readonly dropped: number } {
    const taken = { printed: this.#printed, dropped: this.#dropped }
    this.#printed = []
    this.#size = 0
    this.#dropped = 0
    return taken
  }
}

/** A carriage return begins the line anew, as progress bars have it. */
function asShown(line: string): string {
  const text = stripVTControlCharacters(line.slice(0, LINE_MAX)).replace(/\r+$/, '')
  return printable(text.slice(text.lastIndexOf('\r') + 1).replaceAll('\t', '    '))
}
