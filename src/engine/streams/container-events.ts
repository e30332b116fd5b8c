/** What happens to a container, told to whoever iterates. */
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { parseFlatKeyed, parseMemoryEvents } from '../../cgroup/stats/stats.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import { isErrno } from '../../util/errno.ts'
import { finishedAlways } from '../../util/finished-always.ts'

/** Something that happened to a container. */
export type ContainerEvent = { readonly time: Date } & (
  | { readonly type: 'start' | 'pause' | 'resume' }
  /** The kernel has killed so many of its processes for lack of memory. */
  | { readonly type: 'oom'; readonly kills: number }
  /** The last event. */
  | { readonly type: 'exit'; readonly exitCode: number; readonly signal: string | undefined }
)

type EventWithoutTime = ContainerEvent extends infer Event
  ? Event extends unknown
    ? Omit<Event, 'time'>
    : never
  : never
type Listener = (event: ContainerEvent) => void

/** Tells of one container; its cgroup is watched while somebody listens. */
export class EventFeed {
  readonly #cgroupDirectory: string | undefined
  readonly #listeners = new Set<Listener>()
  #watchers: FSWatcher[] = []
  #frozen = false
  #oomKills = 0
  #last: ContainerEvent | undefined

  /** @param cgroupDirectory host path; without one there is no word of `pause`, `resume` and `oom` */
  constructor(cgroupDirectory: string | undefined) {
    this.#cgroupDirectory = cgroupDirectory
  }

  started(): void {
    this.#emit({ type: 'start' })
  }

  /** @param oomKills of the whole life of the container, its cgroup being gone perhaps */
  ended(exitCode: number, signal: string | undefined, oomKills: number): void {
    if (this.#last !== undefined) return
    this.#tellOomKills(oomKills)
    this.#last = this.#emit({ type: 'exit', exitCode, signal })
    this.#unwatch()
  }

  /**
   * What happens from now on, up to the exit; of a container that has ended, the exit alone.
   * @throws UtsuwaError ABORTED, from the iteration
   */
  subscribe(signal?: AbortSignal): AsyncGenerator<ContainerEvent, void, undefined> {
    const queue: ContainerEvent[] = this.#last === undefined ? [] : [this.#last]
    let wake = (): void => undefined
    const listener: Listener = event => {
      queue.push(event)
      wake()
    }
    const word = (): Promise<void> =>
      new Promise(resolve => {
        wake = resolve
      })
    if (this.#last === undefined) this.#listen(listener)
    const abort = (): void => wake()
    signal?.addEventListener('abort', abort)
    const finish = (): void => {
      signal?.removeEventListener('abort', abort)
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#unwatch()
    }
    return finishedAlways(this.#iterate(queue, word, signal), finish)
  }

  async *#iterate(
    queue: ContainerEvent[],
    word: () => Promise<void>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ContainerEvent, void, undefined> {
    for (;;) {
      throwIfAborted(signal)
      const event = queue.shift()
      if (event !== undefined) yield event
      if (event?.type === 'exit') return
      if (queue.length === 0) await word()
    }
  }

  #emit(event: EventWithoutTime): ContainerEvent {
    const complete = { ...event, time: new Date() }
    for (const listener of this.#listeners) listener(complete)
    return complete
  }

  #listen(listener: Listener): void {
    this.#listeners.add(listener)
    if (this.#cgroupDirectory === undefined || this.#watchers.length > 0) return
    // Both are announced by inotify (cgroup-v2, "Core Interface Files" and "Memory Interface Files").
    this.#watchers = ['cgroup.events', 'memory.events'].flatMap(file =>
      watchIfThere(join(this.#cgroupDirectory!, file), () => this.look()),
    )
    this.#frozen = this.#isFrozen()
    this.#oomKills = this.#countedKills()
  }

  #unwatch(): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
  }

  /** At once, rather than when the kernel says that something has changed: it tells of several changes once. */
  look(): void {
    if (this.#last !== undefined || this.#cgroupDirectory === undefined || this.#listeners.size === 0) return
    const frozen = this.#isFrozen()
    if (frozen !== this.#frozen) {
      this.#frozen = frozen
      this.#emit({ type: frozen ? 'pause' : 'resume' })
    }
    this.#tellOomKills(this.#countedKills())
  }

  #tellOomKills(total: number): void {
    if (total <= this.#oomKills) return
    this.#emit({ type: 'oom', kills: total - this.#oomKills })
    this.#oomKills = total
  }

  #isFrozen(): boolean {
    return parseFlatKeyed(this.#read('cgroup.events')).get('frozen') === 1
  }

  #countedKills(): number {
    return parseMemoryEvents(this.#read('memory.events')).oomKill
  }

  /** '' when it is gone, or there is no such controller. */
  #read(file: string): string {
    try {
      return readFileSync(join(this.#cgroupDirectory!, file), 'utf8')
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV')) return ''
      throw error
    }
  }
}

function watchIfThere(path: string, callback: () => void): FSWatcher[] {
  try {
    return [watch(path, { persistent: false }, callback)]
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
