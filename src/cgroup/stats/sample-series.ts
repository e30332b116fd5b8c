/**
 * Samples at short intervals, taken by a thread for a fifth of a second each time. A wake-up of the event loop costs 150 µs
 * of CPU time, one of a thread in C 25: at 10 ms that is 1.5 % of a CPU or a sixth of it. And the samples come in time
 * whatever JavaScript is busy with.
 */
import { sys } from '../../sys/index.ts'
import type { CgroupSample } from './sample.ts'
import type { SampleClock, Watched } from './sample-clock.ts'
import type { CgroupSampler } from './sampler.ts'

const SERIES_MS = 200
/** Bytes for the files of one cgroup that are read each time: a page each, mostly some hundred bytes. */
const ROOM = 16 * 1024

interface Member {
  readonly watched: Watched
  readonly count: number
}

export class SampleSeriesClock implements SampleClock {
  readonly #intervalMs: number
  readonly #watched = new Set<Watched>()
  readonly #fresh = new Set<Watched>()
  /** Those that the thread reads now, whose descriptors must stay open. */
  #reading: readonly Member[] = []
  #released: CgroupSampler[] = []
  /** Last samples, delivered after those before them. */
  readonly #last = new Map<Watched, CgroupSample>()
  #stop: Int32Array | undefined
  /** Used again by the next series of the same size. */
  #memory: { readonly control: Int32Array; readonly at: BigUint64Array; readonly buffer: Buffer } | undefined
  #runs = false

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  get isEmpty(): boolean {
    return this.#watched.size === 0
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    this.#fresh.add(watched)
    this.#interrupt()
    if (!this.#runs) void this.#run()
  }

  remove(watched: Watched): void {
    if (!this.#watched.delete(watched)) return
    this.#fresh.delete(watched)
    this.#last.delete(watched)
    if (this.#isRead(watched)) {
      this.#released.push(watched.sampler)
      this.#interrupt()
    } else watched.sampler[Symbol.dispose]()
  }

  end(watched: Watched): void {
    if (!this.#watched.has(watched) || this.#last.has(watched)) return
    const sample = watched.sampler.read({ all: true })
    if (sample !== undefined) this.#last.set(watched, sample)
    if (this.#isRead(watched)) this.#interrupt()
    else this.#finish(watched)
  }

  #isRead(watched: Watched): boolean {
    return this.#reading.some(member => member.watched === watched)
  }

  /** The thread looks at it each time that it wakes. */
  #interrupt(): void {
    if (this.#stop !== undefined) Atomics.store(this.#stop, 0, 1)
  }

  #finish(watched: Watched): void {
    const sample = this.#last.get(watched)
    this.remove(watched)
    if (sample !== undefined) watched.listener.onSample(sample)
    watched.listener.onEnd()
  }

  async #run(): Promise<void> {
    this.#runs = true
    await undefined
    let latest = now()
    while (!this.isEmpty) {
      for (const watched of this.#fresh) this.#takeFirst(watched)
      if (this.isEmpty) break
      latest = await this.#takeSeries(latest)
    }
    this.#runs = false
  }

  #takeFirst(watched: Watched): void {
    this.#fresh.delete(watched)
    const sample = watched.sampler.read()
    if (sample === undefined) this.#finish(watched)
    else watched.listener.onSample(sample)
  }

  /**
   * @param latestNs when the last sample was taken, on CLOCK_MONOTONIC in nanoseconds
   * @returns the same of this series
   */
  async #takeSeries(latestNs: number): Promise<number> {
    const intervalNs = this.#intervalMs * 1e6
    const times = Math.max(1, Math.round(SERIES_MS / this.#intervalMs))
    const members = [...this.#watched].map(watched => ({ watched, count: watched.sampler.frequentFds.length }))
    const fds = members.flatMap(({ watched }) => [...watched.sampler.frequentFds])
    const room = members.length * ROOM
    const size = 1 + fds.length * (1 + times)
    if (this.#memory?.control.length !== size || this.#memory.buffer.length !== times * room)
      this.#memory = {
        control: new Int32Array(size),
        at: new BigUint64Array(times),
        buffer: Buffer.allocUnsafeSlow(times * room),
      }
    const { control, at, buffer } = this.#memory
    control[0] = 0
    control.set(fds, 1)
    this.#reading = members
    this.#stop = control
    const series = { count: fds.length, startNs: Math.max(latestNs + intervalNs, now()), intervalNs, room }
    const done = await sys.sampleFiles(control, at, buffer, series)
    this.#stop = undefined
    this.#reading = []
    for (const sampler of this.#released.splice(0)) sampler[Symbol.dispose]()
    this.#tell(members, at.subarray(0, done), control.subarray(1 + fds.length), buffer)
    for (const watched of [...this.#last.keys()]) this.#finish(watched)
    return done === 0 ? latestNs : Number(at[done - 1])
  }

  #tell(members: readonly Member[], at: BigUint64Array, results: Int32Array, buffer: Buffer): void {
    const epochUsec = (performance.timeOrigin + performance.now()) * 1000 - now() / 1000
    let [index, offset] = [0, 0]
    for (const time of at) {
      const atUsec = Math.round(Number(time) / 1000 + epochUsec)
      for (const { watched, count } of members) {
        const sizes = results.subarray(index, index + count)
        this.#tellOne(watched, atUsec, sizes, buffer, offset)
        for (const size of sizes) offset += Math.max(0, size)
        index += count
      }
    }
  }

  #tellOne(watched: Watched, atUsec: number, sizes: Int32Array, buffer: Buffer, offset: number): void {
    if (!this.#watched.has(watched)) return
    const last = this.#last.get(watched)
    if (last !== undefined && atUsec >= last.atUsec) return
    const sample = watched.sampler.accept(atUsec, sizes, buffer, offset)
    if (sample !== undefined) watched.listener.onSample(sample)
    else this.#finish(watched)
  }
}

/** CLOCK_MONOTONIC in nanoseconds. */
function now(): number {
  return Number(process.hrtime.bigint())
}
