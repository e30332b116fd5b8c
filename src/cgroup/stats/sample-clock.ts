/** Samples of many cgroups at set intervals: those with the same interval share a timer, and so a wake-up of the process. */
import type { CgroupSample } from './sample.ts'
import { SampleSeriesClock } from './sample-series.ts'
import { CgroupSampler } from './sampler.ts'

/** Whom samples are for. */
export interface SampleListener {
  onSample(sample: CgroupSample): void
  /** The cgroup has been removed, or `end` was called. Nothing comes afterwards. */
  onEnd(): void
}

/** A cgroup under observation. Disposal stops it without a word. */
export interface Sampling extends Disposable {
  /** When the end is known from elsewhere: a last sample at once, in which no file is older than this call. */
  end(): void
}

/** One of those that a clock samples. */
export interface Watched {
  readonly sampler: CgroupSampler
  readonly listener: SampleListener
}

/** Samples its cgroups once when they are added, and then at its interval. */
export interface SampleClock {
  readonly isEmpty: boolean
  add(watched: Watched): void
  remove(watched: Watched): void
  end(watched: Watched): void
}

/** With a timer of the event loop. */
class TimerClock implements SampleClock {
  readonly #intervalMs: number
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | undefined
  #due = 0

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  get isEmpty(): boolean {
    return this.#watched.size === 0
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    queueMicrotask(() => this.#sample(watched))
    if (this.#timer !== undefined) return
    this.#due = performance.now()
    this.#schedule()
  }

  remove(watched: Watched): void {
    watched.sampler[Symbol.dispose]()
    if (!this.#watched.delete(watched) || !this.isEmpty) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  end(watched: Watched): void {
    if (!this.#watched.has(watched)) return
    this.#sample(watched, { all: true })
    if (!this.#watched.has(watched)) return
    this.remove(watched)
    watched.listener.onEnd()
  }

  /** By the time that was aimed at, so that lateness does not add up; what was missed altogether is left out. */
  #schedule(): void {
    const now = performance.now()
    this.#due += this.#intervalMs
    if (this.#due < now) this.#due = now
    this.#timer = setTimeout(this.#tick, Math.max(1, Math.round(this.#due - now)))
  }

  readonly #tick = (): void => {
    for (const watched of this.#watched) this.#sample(watched)
    if (!this.isEmpty) this.#schedule()
  }

  #sample(watched: Watched, options?: { all: boolean }): void {
    if (!this.#watched.has(watched)) return
    const sample = watched.sampler.read(options)
    if (sample !== undefined) watched.listener.onSample(sample)
    else {
      this.remove(watched)
      watched.listener.onEnd()
    }
  }
}

/** Below it a thread takes the samples: to wake the event loop costs more than they do. */
const SERIES_BELOW_MS = 50

const clocks = new Map<number, SampleClock>()

/**
 * Samples a cgroup, now and then at an interval, until it is removed or this is closed; keeps the process alive until then.
 * At intervals below 50 ms the samples are taken in time and delivered every fifth of a second.
 *
 * @param directoryHostPath of the cgroup
 * @param intervalMs at least 1
 * @throws UtsuwaError CGROUP_ERROR when its files cannot be opened
 */
export function sampleCgroup(directoryHostPath: string, intervalMs: number, listener: SampleListener): Sampling {
  const watched: Watched = { sampler: new CgroupSampler(directoryHostPath), listener }
  const clock =
    clocks.get(intervalMs) ??
    (intervalMs < SERIES_BELOW_MS ? new SampleSeriesClock(intervalMs) : new TimerClock(intervalMs))
  clocks.set(intervalMs, clock)
  clock.add(watched)
  const forget = (): void => {
    if (clock.isEmpty && clocks.get(intervalMs) === clock) clocks.delete(intervalMs)
  }
  return {
    end: () => clock.end(watched),
    [Symbol.dispose]() {
      clock.remove(watched)
      forget()
    },
  }
}
