/**
 * Reads the files of a cgroup again and again: opened once, and all read by one call into one buffer.
 *
 * Two things decide what a sample costs. To open, read and close a file through Node takes ten times as long as to read
 * an open one in C. And the kernel works for some files more than for others: memory.stat gathers what every CPU has
 * counted and prints fifty lines, which is as much as all others together. So files are read as often as they are worth:
 * see `groups`. `bench/sample` measures it.
 */
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { UtsuwaError } from '../../errors.ts'
import { sys } from '../../sys/index.ts'
import { errnoOf, errnos } from '../../util/errno.ts'
import type { CgroupSample } from './sample.ts'

interface Group {
  /** The files are read again when they are this old. */
  readonly maxAgeMs: number
  readonly files: readonly string[]
}

const groups: readonly Group[] = [
  {
    maxAgeMs: 0,
    files: [
      'memory.current',
      'memory.swap.current',
      'memory.events',
      'memory.events.local',
      'memory.swap.events',
      'memory.pressure',
      'cpu.stat',
      'cpu.pressure',
      'io.stat',
      'io.pressure',
      'pids.current',
      'pids.events',
      'cgroup.events',
    ],
  },
  // Dear, and it changes little in so short a time; what only grows.
  { maxAgeMs: 100, files: ['memory.stat', 'memory.peak', 'memory.swap.peak', 'pids.peak'] },
  // What people set.
  {
    maxAgeMs: 1000,
    files: [
      'memory.min',
      'memory.low',
      'memory.high',
      'memory.max',
      'memory.swap.high',
      'memory.swap.max',
      'memory.oom.group',
      'cpu.max',
      'cpu.max.burst',
      'cpu.weight',
      'cpuset.cpus.effective',
      'io.max',
      'io.weight',
      'pids.max',
    ],
  },
]

/** A sample comes a little early at times, and what is due every 100 ms must not wait for the next one then. */
const EARLY_MS = 2
/** Cgroup files are a page or so; io.stat of a machine with a hundred disks is three. All of one cgroup: */
const BUFFER_SIZE = 256 * 1024

const ABSENT: readonly number[] = [errnos.ENOENT, errnos.EOPNOTSUPP]

/** Files that are read together, some of which are not there. */
class OpenGroup {
  readonly maxAgeMs: number
  readonly names: string[] = []
  fds: Int32Array = new Int32Array()
  results: Int32Array = new Int32Array()
  texts: string[] = []
  readAt = Number.NEGATIVE_INFINITY

  constructor({ maxAgeMs, files }: Group, directory: string) {
    this.maxAgeMs = maxAgeMs
    const fds: number[] = []
    try {
      for (const name of files) {
        const fd = openIfThere(join(directory, name))
        if (fd === undefined) continue
        fds.push(fd)
        this.names.push(name)
      }
    } catch (error) {
      for (const fd of fds) closeSync(fd)
      throw error
    }
    this.#hold(fds)
  }

  close(): void {
    for (const fd of this.fds) closeSync(fd)
    this.#hold([])
  }

  /** @returns false when the cgroup was removed */
  read(buffer: Buffer): boolean {
    sys.readFiles(this.fds, this.results, buffer)
    const unreadable = this.results.findIndex(size => size < 0 && size !== -errnos.ENODEV)
    if (unreadable < 0) return this.accept(this.results, buffer, 0)
    this.#drop(unreadable, -this.results[unreadable]!)
    return this.read(buffer)
  }

  /** @returns false when the cgroup was removed */
  accept(sizes: Int32Array, buffer: Buffer, start: number): boolean {
    let offset = start
    for (let index = 0; index < sizes.length; index++) {
      const size = sizes[index]!
      if (size < 0) return false
      const text = buffer.toString('latin1', offset, offset + size)
      // The same string as before where nothing has changed: who keeps many samples keeps it once.
      if (text !== this.texts[index]) this.texts[index] = text
      offset += size
    }
    return true
  }

  /** A file that can be opened and not read: pressure on a kernel that has been told not to account for it. */
  #drop(index: number, errno: number): void {
    const [name] = this.names.splice(index, 1)
    if (!ABSENT.includes(errno)) throw new UtsuwaError('CGROUP_ERROR', undefined, { operation: `read ${name}`, errno })
    closeSync(this.fds[index]!)
    this.#hold([...this.fds].toSpliced(index, 1))
  }

  #hold(fds: readonly number[]): void {
    this.fds = Int32Array.from(fds)
    this.results = new Int32Array(fds.length)
    this.texts = []
  }
}

/** Samples of one cgroup, taken when asked for. Holds some thirty descriptors until it is closed. */
export class CgroupSampler implements Disposable {
  readonly #groups: OpenGroup[] = []
  #closed = false

  /**
   * @param directoryHostPath of the cgroup
   * @throws UtsuwaError CGROUP_ERROR when its files cannot be opened, for want of descriptors perhaps
   */
  constructor(directoryHostPath: string) {
    try {
      for (const group of groups) this.#groups.push(new OpenGroup(group, directoryHostPath))
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /**
   * @param options `all`: no file may be older than this call
   * @returns undefined when the cgroup has been removed
   */
  read({ all = false } = {}): CgroupSample | undefined {
    const now = performance.now()
    if (!this.#refresh(now, all ? 'all' : 'due')) return undefined
    return this.#sample(Math.round((performance.timeOrigin + now) * 1000))
  }

  /** Descriptors of the files that every sample reads, for a caller that reads them elsewhere and passes them to `accept`. */
  get frequentFds(): Int32Array {
    return this.#groups[0]?.fds ?? new Int32Array()
  }

  /**
   * A sample of what was read elsewhere, with the other files as they are here.
   * @param sizes of the texts from `offset` on, one for each of `frequentFds`, or −errno
   * @returns undefined when the cgroup has been removed
   */
  accept(atUsec: number, sizes: Int32Array, buffer: Buffer, offset: number): CgroupSample | undefined {
    if (this.#closed || !this.#groups[0]!.accept(sizes, buffer, offset)) return undefined
    return this.#refresh(performance.now(), 'slow') ? this.#sample(atUsec) : undefined
  }

  /** Reads what is due, or due among the slow, or all. @returns false when there is nothing left to read */
  #refresh(now: number, which: 'due' | 'slow' | 'all'): boolean {
    if (this.#closed || this.#groups.every(({ names }) => names.length === 0)) return false
    for (const group of this.#groups) {
      if (which !== 'all' && now - group.readAt < group.maxAgeMs - EARLY_MS) continue
      if (which === 'slow' && group.maxAgeMs === 0) continue
      if (!group.read(sharedBuffer())) return false
      group.readAt = now
    }
    return true
  }

  #sample(atUsec: number): CgroupSample {
    const files: Record<string, string> = {}
    for (const { names, texts } of this.#groups)
      for (let index = 0; index < names.length; index++) files[names[index]!] = texts[index]!
    return { atUsec, files }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const group of this.#groups.splice(0)) group.close()
  }
}

let buffer: Buffer | undefined

/** Shared by all samplers: its content becomes text before the next one reads. */
function sharedBuffer(): Buffer {
  buffer ??= Buffer.allocUnsafeSlow(BUFFER_SIZE)
  return buffer
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno !== undefined && (ABSENT.includes(errno) || errno === errnos.ENODEV)) return undefined
    throw new UtsuwaError('CGROUP_ERROR', undefined, {
      operation: `open ${path}`,
      path,
      errno,
      cause,
    })
  }
}
