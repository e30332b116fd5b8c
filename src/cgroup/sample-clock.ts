/** Samples of many cgroups at set intervals: those with the same interval share a timer, and so a wake-up of the process. */
import type { CgroupSample } from './sample.ts'
import { CgroupSampler } from './sampler.ts'

/** Whom samples are for. */
export interface SampleListener {
  onSample(sample: CgroupSample): void
  /** The cgroup has been removed. Not called after `close`. */
  onEnd(): void
}

/** A cgroup under observation. */
export interface Sampling extends Disposable {
  /** One more sample at once, in which no file is older than the call: the last one, when the end is known from elsewhere. */
  sampleNow(): void
}

interface Watched {
  readonly sampler: CgroupSampler
  readonly listener: SampleListener
}

class Clock {
  readonly #intervalMs: number
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | undefined
  #due = 0

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    if (this.#timer !== undefined) return
    this.#due = performance.now()
    this.#schedule()
  }

  remove(watched: Watched): void {
    watched.sampler[Symbol.dispose]()
    if (!this.#watched.delete(watched) || this.#watched.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    clocks.delete(this.#intervalMs)
  }

  /** By the time that was aimed at, so that lateness does not add up; what was missed altogether is left out. */
  #schedule(): void {
    const now = performance.now()
    this.#due += this.#intervalMs
    if (this.#due < now) this.#due = now
    this.#timer = setTimeout(this.#tick, Math.max(1, Math.round(this.#due - now)))
  }

  readonly #tick = (): void => {
    for (const watched of this.#watched) this.sample(watched)
    if (this.#watched.size > 0) this.#schedule()
  }

  sample(watched: Watched, options?: { all: boolean }): void {
    const sample = watched.sampler.read(options)
    if (sample !== undefined) watched.listener.onSample(sample)
    else if (this.#watched.has(watched)) {
      this.remove(watched)
      watched.listener.onEnd()
    }
  }
}

const clocks = new Map<number, Clock>()

/**
 * Samples a cgroup from now on, until it is removed or this is closed; keeps the process alive meanwhile.
 *
 * @param directoryHostPath of the cgroup
 * @param intervalMs at least 1; a busy event loop makes it longer
 * @throws UtsuwaError CGROUP_ERROR when its files cannot be opened
 */
export function sampleCgroup(directoryHostPath: string, intervalMs: number, listener: SampleListener): Sampling {
  const clock = clocks.get(intervalMs) ?? new Clock(intervalMs)
  const watched: Watched = { sampler: new CgroupSampler(directoryHostPath), listener }
  clocks.set(intervalMs, clock)
  clock.add(watched)
  return {
    sampleNow: () => clock.sample(watched, { all: true }),
    [Symbol.dispose]: () => clock.remove(watched),
  }
}
