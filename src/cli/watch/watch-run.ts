/** `run --watch`: the live view of a container that runs in the foreground of this command. */
import type { Container, RunResult } from '../../index.ts'
import { formatSize } from '../print/format.ts'
import { writeAll } from '../print/write.ts'
import { describeEnding } from './ending.ts'
import { type OutputFd, OutputTail } from './output-tail.ts'
import { canDraw, type Samples, sampleIntervalOf, View } from './view.ts'

/** Seconds: a run may be short. */
const INTERVAL = 0.5

export interface WatchRunOptions {
  /** Whether signals that reach this process go to the container. */
  readonly signals: boolean
  /** What the keys ^C and ^\ of the terminal send. */
  send(signal: NodeJS.Signals): void
}

/** The streams of a container whose output the view shows; what does not go to the terminal goes where it would go without. */
export function watchedStreams(): ['pipe' | 'inherit', 'pipe' | 'inherit'] {
  if (!canDraw(2)) return ['inherit', 'inherit']
  return [canDraw(1) ? 'pipe' : 'inherit', 'pipe']
}

/** The view, from now on until it is left or the container has ended. Standard error has it: output may go elsewhere. */
export class WatchedRun implements Disposable {
  readonly #view: View
  readonly #tail = new OutputTail()
  readonly #drained: Promise<unknown>
  readonly #shown: Promise<void>
  #live = true

  constructor(container: Container, { signals, send }: WatchRunOptions) {
    const { id, name, stdout, stderr } = container
    this.#view = new View({
      ...{ id, name, fd: 2, signals: !signals, interval: INTERVAL, started: Date.now() },
      ...(stderr !== undefined && { output: () => this.#tail.lines }),
    })
    this.#drained = Promise.all([this.#pass(stdout, 1), this.#pass(stderr, 2)])
    this.#shown = this.#show(container.samples({ intervalMs: sampleIntervalOf(INTERVAL) }), send)
    this.#shown.catch(() => undefined) // told when it is waited for
  }

  /** Takes the terminal back from the view, with what the container has printed, and says how it ended. */
  async finish({ exitCode, oom, usage }: RunResult): Promise<void> {
    await Promise.all([this.#shown, this.#drained])
    this.#giveBack()
    const ending = { exitCode, oomKills: oom?.kills, memoryPeakBytes: usage.memoryPeakBytes }
    writeAll(2, `${describeEnding(this.#view.watched, ending, Date.now())}\n`)
  }

  [Symbol.dispose](): void {
    this.#giveBack()
  }

  async #show(samples: Samples, send: (signal: NodeJS.Signals) => void): Promise<void> {
    const left = await this.#view.show(samples)
    if (left === undefined) return
    this.#giveBack()
    writeAll(2, `${describeEnding(this.#view.watched, undefined, Date.now())}\n`)
    if (left !== 'quit') send(left)
  }

  #giveBack(): void {
    if (!this.#live) return
    this.#live = false
    this.#view[Symbol.dispose]()
    const { printed, dropped } = this.#tail.take()
    if (dropped > 0) writeAll(2, `utsuwa: ${formatSize(dropped)} that it printed before are not kept\n`)
    for (const { fd, data } of printed) writeAll(fd, data)
  }

  #pass(stream: Container['stdout'], fd: OutputFd): Promise<void> {
    if (stream === undefined) return Promise.resolve()
    stream.on('data', (data: Buffer) => {
      if (!this.#live) return writeAll(fd, data)
      this.#tail.add(fd, data)
      this.#view.refresh()
    })
    return new Promise(resolve => stream.once('close', resolve))
  }
}
