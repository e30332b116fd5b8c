/** How a pull is shown: drawn on a terminal, told in lines, or as JSON; always on standard error, the result has the other. */
import { stripVTControlCharacters } from 'node:util'
import { type Command, Option } from 'commander'
import type { PullProgress } from '../../index.ts'
import { formatSize, printable, shortId } from '../print/format.ts'
import { hasColor } from '../print/terminal-style.ts'
import { writeAll } from '../print/write.ts'
import { describePull, type ProgressSize, progressFrame } from './frame.ts'
import { type LayerProgress, PullState } from './state.ts'

export type ProgressMode = 'auto' | 'tty' | 'plain' | 'json'

export interface ProgressDisplay {
  show(event: PullProgress): void
  /** To be called whatever happens: a drawing is finished, and what comes next begins on a line of its own. */
  end(): void
}

export function addProgressFlag(command: Command): Command {
  return command.addOption(
    new Option('--progress <MODE>', 'auto, tty, plain or json; on standard error')
      .choices(['auto', 'tty', 'plain', 'json'])
      .default('auto'),
  )
}

/** @param title what a terminal shows until there is something to tell */
export function openProgress(mode: ProgressMode, title: string): ProgressDisplay {
  const write = (text: string): void => writeAll(2, text)
  if (mode === 'json') return new JsonProgress(write)
  const isTerminal = process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  if (mode === 'plain' || (mode === 'auto' && !isTerminal)) return new PlainProgress(write)
  const size = (): ProgressSize => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 })
  const display = new TerminalProgress(write, size, { title, color: hasColor() })
  display.start()
  return display
}

const REDRAW_MS = 100

/** Lines that are drawn over, several times a second, each drawing in one write so that it does not flicker. */
export class TerminalProgress implements ProgressDisplay {
  readonly #write: (text: string) => void
  readonly #size: () => ProgressSize
  readonly #color: boolean
  #state = new PullState()
  /** The lines that are on the terminal, without colour. */
  #drawn: string[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(
    write: (text: string) => void,
    size: () => ProgressSize,
    { title, color }: { title: string; color: boolean },
  ) {
    this.#write = write
    this.#size = size
    this.#color = color
    this.#state.reference = title
  }

  /** Draws by a timer, so that what has stalled is seen to stall. */
  start(): void {
    this.draw()
    this.#timer = setInterval(() => this.draw(), REDRAW_MS)
    this.#timer.unref()
  }

  show(event: PullProgress): void {
    if (event.kind === 'resolved' && this.#state.digest !== undefined) {
      // The next of several images: the drawing of the last one stays.
      this.draw()
      this.#drawn = []
      this.#state = new PullState()
    }
    this.#state.update(event, Date.now())
  }

  end(): void {
    clearInterval(this.#timer)
    // Nothing has come about that would be worth keeping.
    if (this.#state.digest === undefined) this.#write('\x1b[1F\x1b[J')
    else this.draw()
  }

  draw(now = Date.now()): void {
    const size = this.#size()
    const up = this.#drawn.reduce((rows, line) => rows + Math.max(1, Math.ceil(line.length / size.columns)), 0)
    const lines = progressFrame(this.#state, size, now, this.#color)
    // Each line erases its own rest, and the last what was below: nothing is blank in between.
    const back = up === 0 ? '' : `\x1b[${up}F`
    this.#write(`${back}${lines.map(line => `${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#drawn = lines.map(stripVTControlCharacters)
  }
}

/** Lines for a log: what begins, what is done, and now and then how far it is. */
export class PlainProgress implements ProgressDisplay {
  readonly #write: (text: string) => void
  readonly #now: () => number
  #state = new PullState()
  #told = 0

  constructor(write: (text: string) => void, now: () => number = Date.now) {
    this.#write = write
    this.#now = now
  }

  show(event: PullProgress): void {
    const now = this.#now()
    if (event.kind === 'resolved') this.#state = new PullState()
    const changed = this.#state.update(event, now)
    if (event.kind === 'resolved') {
      this.#told = now
      this.#line(describePull(this.#state))
    } else if (changed !== undefined) this.#tell(changed)
    else if (now - this.#told >= TELL_MS) {
      this.#told = now
      for (const layer of this.#state.layers) if (layer.state === 'downloading') this.#tellHow(layer)
    }
  }

  end(): void {
    // Every line is complete.
  }

  #tell({ digest, state, total }: LayerProgress): void {
    if (state === 'downloading') this.#line(`${shortId(digest)}: downloading ${formatSize(total)}`)
    else if (state === 'done' || state === 'already here') this.#line(`${shortId(digest)}: ${state}`)
  }

  #tellHow({ digest, current, total }: LayerProgress): void {
    this.#line(`${shortId(digest)}: ${formatSize(current)} of ${formatSize(total)}`)
  }

  #line(text: string): void {
    this.#write(`${printable(text)}\n`)
  }
}

/** A log shows that something goes on, and is not filled with it. */
const TELL_MS = 10_000
const JSON_EVENT_MS = 100

/** The events of the library, one a line; of those that tell bytes, ten a second for each layer. */
export class JsonProgress implements ProgressDisplay {
  readonly #write: (text: string) => void
  readonly #told = new Map<string, number>()

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  show(event: PullProgress): void {
    if (event.kind === 'downloading') {
      const now = Date.now()
      if (event.current < event.total && now - (this.#told.get(event.digest) ?? 0) < JSON_EVENT_MS) return
      this.#told.set(event.digest, now)
    }
    this.#write(`${JSON.stringify(event)}\n`)
  }

  end(): void {
    // Every line is complete.
  }
}
