/** The live view of one container: samples of its cgroup, drawn on a terminal or told in lines. */
import { isatty } from 'node:tty'
import { type CgroupSample, parseSample } from '../../index.ts'
import { hasColor, isDumb, isUtf8 } from '../print/terminal-style.ts'
import { writeAll } from '../print/write.ts'
import { type WatchedContainer, watchFrame } from './frame.ts'
import { History } from './history.ts'
import { plainColumn, plainHits } from './plain.ts'
import { type Leaving, Screen } from './screen.ts'

export interface ViewOptions extends Omit<WatchedContainer, 'history' | 'output'> {
  /** Where it is shown. */
  readonly fd: 1 | 2
  /** Whether signals that reach this process leave the view. */
  readonly signals: boolean
  /** The last lines that the container has printed; without it they go elsewhere. */
  readonly output?: () => readonly string[]
}

export type Samples = AsyncGenerator<CgroupSample, void, undefined>

/** Events are to be told when they happen, however far apart the columns are. */
const SAMPLED_MS = 100

/** Milliseconds between two samples, so many of which make one column that all columns are as wide. @param interval seconds */
export function sampleIntervalOf(interval: number): number {
  const milliseconds = interval * 1000
  return milliseconds / Math.ceil(milliseconds / SAMPLED_MS)
}

/** Whether a view is drawn there; otherwise it is told in lines. */
export function canDraw(fd: 1 | 2): boolean {
  return isatty(fd) && !isDumb()
}

export class View implements Disposable {
  readonly watched: WatchedContainer
  readonly #fd: 1 | 2
  readonly #screen: Screen | undefined

  constructor({ id, name, started, interval, output, fd, signals }: ViewOptions) {
    this.#fd = fd
    this.watched = {
      ...{ id, name, started, interval },
      history: new History(interval),
      get output() {
        return output?.()
      },
    }
    if (!canDraw(fd)) return
    const style = { color: hasColor(), ascii: !isUtf8() }
    this.#screen = new Screen({ fd, signals, draw: size => watchFrame(this.watched, size, style, Date.now()) })
    this.#screen.draw()
  }

  /**
   * Goes on until there are no more samples, the container has ended, or somebody leaves.
   * @returns why somebody left
   * @throws what the iteration throws
   */
  async show(samples: Samples, ended?: Promise<unknown>): Promise<Leaving | undefined> {
    const others = [this.#screen?.left, ended?.then(() => undefined)].filter(each => each !== undefined)
    for (;;) {
      const word = await Promise.race([...others, samples.next()])
      if (word === undefined || typeof word === 'string') {
        void samples.return()
        return word
      }
      if (word.done) return undefined
      this.#add(word.value)
    }
  }

  /** The container has printed something. */
  refresh(): void {
    this.#screen?.refresh()
  }

  [Symbol.dispose](): void {
    this.#screen?.[Symbol.dispose]()
  }

  #add(sample: CgroupSample): void {
    const { history } = this.watched
    const { hits, isColumn } = history.add(parseSample(sample))
    if (this.#screen === undefined) this.#tell(plainHits(hits, Date.now()), isColumn)
    else if (isColumn || hits.length > 0) this.#screen.draw()
  }

  #tell(lines: readonly string[], isColumn: boolean): void {
    const column = isColumn ? [plainColumn(this.watched.history, Date.now())] : []
    writeAll(this.#fd, [...lines, ...column].map(line => `${line}\n`).join(''))
  }
}
