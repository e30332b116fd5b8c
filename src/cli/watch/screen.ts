/** A terminal taken over for a live view, and given back as it was. */
import { isatty, type WriteStream } from 'node:tty'
import { isErrno } from '../../util/errno.ts'
import { writeAll } from '../print/write.ts'
import type { FrameSize } from './frame.ts'

/** Why somebody left the view: a key, or a signal, which the keys of a terminal stand for too. */
export type Leaving = 'quit' | NodeJS.Signals

export interface ScreenOptions {
  /** The terminal. */
  readonly fd: 1 | 2
  /** Whether signals that reach this process leave the view. Otherwise they are somebody else's. */
  readonly signals: boolean
  /** Lines for a terminal of this size, the topmost first. */
  draw(size: FrameSize): string[]
}

/*
 * DEC private modes. The other screen keeps what the shell shows; without a cursor nothing runs about; without automatic
 * wrapping a line that is wider than we think it is cut rather than pushing the others down. Between the marks of
 * synchronized output a terminal that knows them shows nothing half drawn; others ignore them.
 */
const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l\u001B[2J'
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l'
const BEGIN = '\u001B[?2026h\u001B[H'
const END = '\u001B[J\u001B[?2026l'
/** Each line erases its own rest: nothing is blank in between. The line feed returns the carriage in Node's raw mode too. */
const LINE_END = '\u001B[K'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
const SUSPEND = '\u001A'
const keys: Readonly<Record<string, Leaving>> = { q: 'quit', Q: 'quit', '\u0003': 'SIGINT', '\u001C': 'SIGQUIT' }
/** However often there is something new. */
const REDRAW_MS = 100

export class Screen implements Disposable {
  /** Resolves when somebody wants to leave. */
  readonly left: Promise<Leaving>
  readonly #options: ScreenOptions
  readonly #terminal: WriteStream
  readonly #leave: (why: Leaving) => void
  readonly #hasKeys = isatty(0)
  #open = false
  #timer: NodeJS.Timeout | undefined
  readonly #redraw = (): void => this.draw()
  readonly #press = (typed: Buffer): void => this.#take(typed.toString('latin1'))

  constructor(options: ScreenOptions) {
    const { promise, resolve } = Promise.withResolvers<Leaving>()
    this.left = promise
    this.#leave = resolve
    this.#options = options
    this.#terminal = (options.fd === 1 ? process.stdout : process.stderr) as WriteStream
    this.#terminal.on('resize', this.#redraw)
    if (options.signals) for (const signal of SIGNALS) process.on(signal, resolve)
    this.#enter()
  }

  /** Soon, together with what else there may be to draw. */
  refresh(): void {
    this.#timer ??= setTimeout(this.#redraw, REDRAW_MS)
  }

  /** At once, in one write. */
  draw(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#open) return
    const [columns, rows] = this.#terminal.getWindowSize()
    const lines = this.#options.draw({ columns: columns || 80, rows: rows || 24 })
    this.#write(`${BEGIN}${lines.map(line => `${line}${LINE_END}`).join('\n')}${END}`)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#terminal.off('resize', this.#redraw)
    if (this.#options.signals) for (const signal of SIGNALS) process.off(signal, this.#leave)
    this.#exit()
  }

  #enter(): void {
    this.#open = true
    if (this.#hasKeys) {
      process.stdin.setRawMode(true)
      process.stdin.on('data', this.#press)
      process.stdin.resume()
    }
    this.#write(ENTER)
  }

  #exit(): void {
    if (!this.#open) return
    this.#write(LEAVE)
    this.#open = false
    if (!this.#hasKeys) return
    process.stdin.off('data', this.#press)
    process.stdin.setRawMode(false)
    // Paused it would still keep this process alive.
    process.stdin.pause().unref()
  }

  #take(typed: string): void {
    for (const key of typed) {
      if (key === SUSPEND) this.#suspend()
      else if (keys[key] !== undefined) this.#leave(keys[key])
    }
  }

  /** What ^Z does to any program: the shell has the terminal until it says `fg`, when the kill returns. */
  #suspend(): void {
    this.#exit()
    process.kill(process.pid, 'SIGTSTP')
    process.stdin.ref()
    this.#enter()
    this.draw()
  }

  #write(text: string): void {
    try {
      writeAll(this.#options.fd, text)
    } catch (error) {
      // The terminal has hung up.
      if (!isErrno(error, 'EIO')) throw error
      this.#leave('SIGHUP')
    }
  }
}
