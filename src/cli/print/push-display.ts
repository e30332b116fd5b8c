/** How far a push is, on standard error: standard output is for the result. */
import type { PushProgress } from '../../index.ts'
import { formatSize, printable, shortId } from './format.ts'
import { writeAll } from './write.ts'

const REDRAW_MS = 100
const OUTCOME = { present: 'already there', mounted: 'mounted from another repository', uploaded: 'uploaded' } as const

/** A line for each blob that is there and, on a terminal, a last line with what is on its way. */
export class PushDisplay {
  readonly #live: boolean
  readonly #write: (text: string) => void
  readonly #uploads = new Map<string, { current: number; total: number }>()
  #drawn = 0

  /** @param live whether the last line may be drawn over */
  constructor(live: boolean, write = (text: string) => writeAll(2, text)) {
    this.#live = live
    this.#write = write
  }

  show(progress: PushProgress): void {
    if (progress.kind === 'pushed') this.#line(`${printable(progress.reference)}: ${progress.digest}`)
    else if (progress.kind !== 'pushing') this.#line(`${shortId(progress.digest)}: ${OUTCOME[progress.kind]}`)
    else {
      this.#uploads.set(progress.digest, progress)
      this.#draw()
    }
  }

  end(): void {
    this.#erase()
  }

  #line(text: string): void {
    this.#erase()
    this.#write(`${text}\n`)
  }

  #draw(): void {
    const now = Date.now()
    if (!this.#live || now - this.#drawn < REDRAW_MS) return
    this.#drawn = now
    const all = [...this.#uploads.values()]
    const sum = (key: 'current' | 'total'): string => formatSize(all.reduce((total, each) => total + each[key], 0))
    this.#write(`\r\x1b[Kuploading ${sum('current')} of ${sum('total')}`)
  }

  #erase(): void {
    if (this.#live) this.#write('\r\x1b[K')
  }
}
