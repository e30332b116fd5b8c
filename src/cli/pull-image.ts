/** A pull that shows how far it is, on standard error: standard output is for the result. */
import { type Image, type PullProgress, pull, type Roots } from '../index.ts'
import { count, formatSize, printable, shortId } from './format.ts'
import { writeAll } from './write.ts'

export interface PullImageOptions {
  readonly platform?: string
  readonly quiet?: boolean
}

const REDRAW_MS = 100

export async function pullImage(
  reference: string,
  { root }: Roots,
  { platform, quiet = false }: PullImageOptions = {},
): Promise<Image> {
  const display = new PullDisplay(process.stderr.isTTY === true, text => writeAll(2, text))
  const image = await pull(reference, {
    ...(root === undefined ? {} : { root }),
    ...(platform === undefined ? {} : { platform }),
    ...(quiet ? {} : { onProgress: progress => display.show(progress) }),
  })
  if (!quiet) display.end()
  return image
}

/** A line for each layer that is done and, on a terminal, a last line with what is on its way. */
export class PullDisplay {
  readonly #live: boolean
  readonly #write: (text: string) => void
  readonly #downloads = new Map<string, { current: number; total: number }>()
  #drawn = 0

  /** @param live whether the last line may be drawn over */
  constructor(live: boolean, write: (text: string) => void) {
    this.#live = live
    this.#write = write
  }

  show(progress: PullProgress): void {
    if (progress.kind === 'resolved')
      this.#line(`${printable(progress.reference)}: ${count(progress.layers.length, 'layer')}, ${progress.digest}`)
    else if (progress.kind === 'present') this.#line(`${shortId(progress.digest)}: already here`)
    else if (progress.kind === 'unpacked') this.#line(`${shortId(progress.digest)}: unpacked`)
    else if (progress.kind === 'downloading') {
      this.#downloads.set(progress.digest, progress)
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
    const all = [...this.#downloads.values()]
    const sum = (key: 'current' | 'total'): string => formatSize(all.reduce((total, each) => total + each[key], 0))
    this.#write(`\r\x1b[Kdownloading ${sum('current')} of ${sum('total')}`)
  }

  #erase(): void {
    if (this.#live) this.#write('\r\x1b[K')
  }
}
