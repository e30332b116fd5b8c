/** Samples of a container's cgroup for whoever iterates. */
import type { CgroupSample } from '../../cgroup/stats/sample.ts'
import { type Sampling, sampleCgroup } from '../../cgroup/stats/sample-clock.ts'
import { UtsuwaError } from '../../errors.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { finishedAlways } from '../../util/finished-always.ts'

/** Options of `samples`. */
export interface SamplesOptions {
  /** Milliseconds between two samples, at least 1. Default: 100. */
  readonly intervalMs?: number
  /** Ends the iteration with ABORTED. */
  readonly signal?: AbortSignal
  /** Samples kept for an iteration that does not keep up; of more, the oldest are lost. Default: 10000. */
  readonly maxBuffered?: number
}

const DEFAULT_INTERVAL_MS = 100
const DEFAULT_BUFFERED = 10_000

/** Samples from now on, in a queue of bounded length. */
export class SampleFeed {
  readonly #queue: CgroupSample[] = []
  readonly #maxBuffered: number
  readonly #signal: AbortSignal | undefined
  readonly #sampling: Sampling
  /** Nothing is sampled any more. */
  hasEnded = false
  #wake = (): void => undefined

  /**
   * @param directoryHostPath of the cgroup
   * @throws UtsuwaError INVALID_ARGUMENT, CGROUP_ERROR
   */
  constructor(
    directoryHostPath: string,
    { intervalMs = DEFAULT_INTERVAL_MS, signal, maxBuffered = DEFAULT_BUFFERED }: SamplesOptions,
  ) {
    for (const [option, value] of Object.entries({ intervalMs, maxBuffered }))
      if (!(value >= 1))
        throw new UtsuwaError('INVALID_ARGUMENT', `must be at least 1, found ${value}`, { operation: `set ${option}` })
    this.#maxBuffered = maxBuffered
    this.#signal = signal
    this.#sampling = sampleCgroup(directoryHostPath, intervalMs, {
      onSample: sample => this.#push(sample),
      onEnd: () => this.#finish(),
    })
    signal?.addEventListener('abort', this.#abort)
  }

  /** Takes a last sample, if the cgroup is still there, and ends. */
  end(): void {
    this.#sampling.end()
  }

  iterate(): AsyncGenerator<CgroupSample, void, undefined> {
    return finishedAlways(this.#iterate(), () => this.#finish())
  }

  async *#iterate(): AsyncGenerator<CgroupSample, void, undefined> {
    for (;;) {
      throwIfAborted(this.#signal)
      const sample = this.#queue.shift()
      if (sample !== undefined) yield sample
      else if (this.hasEnded) return
      else await this.#word()
    }
  }

  #word(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  #push(sample: CgroupSample): void {
    this.#queue.push(sample)
    if (this.#queue.length > this.#maxBuffered) this.#queue.shift()
    this.#wake()
  }

  readonly #abort = (): void => this.#finish()

  #finish(): void {
    this.hasEnded = true
    this.#sampling[Symbol.dispose]()
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#wake()
  }
}
