/**
 * Writing to disk what many tasks have made, together.
 *
 * What is to get its name must be on disk first. Files one by one cost a commit of the journal each, which takes
 * milliseconds; syncfs(2) takes all there are with it, and those who ask while it runs share the next one.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { sys } from '../sys/index.ts'

/** Bytes. Those who write more than this begin to have it written, so that little is left to wait for at the end. */
const EARLY = 64 * 1024 ** 2

/** Milliseconds for which those who ask wait for others who are about to. */
const GATHER_MS = 100

export class Flush implements AsyncDisposable {
  readonly #fd: number
  #writing = 0
  /** Ends the gathering. */
  #go: () => void = () => undefined
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #written = 0
  /** The kernel tells each failure once. Whatever was to be on disk after it may not be. */
  #failure: { error: unknown } | undefined

  /** A descriptor on the file system of the store. Failed writes are noticed from now on. */
  constructor(root: string) {
    this.#fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
  }

  /**
   * Resolves when all that was written before the call is on disk.
   *
   * @throws UtsuwaError NO_SPACE, KERNEL_OPERATION_FAILED
   */
  flush(): Promise<void> {
    this.#next ??= this.#afterOthers()
    return this.#next
  }

  /** Announces a writer that asks for a flush after disposing of this: others wait for it, for a little while. */
  writing(): Disposable {
    this.#writing++
    let done = false
    return {
      [Symbol.dispose]: () => {
        if (done) return
        done = true
        if (--this.#writing === 0) this.#go()
      },
    }
  }

  /** Takes note of bytes that were written to files. */
  wrote(bytes: number): void {
    this.#written += bytes
    if (this.#written < EARLY || this.#next !== undefined) return
    this.#written = 0
    // Those who need it to have worked ask for it.
    this.flush().catch(() => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (;;) {
      const pending = this.#next ?? this.#running
      if (pending === undefined) break
      await pending.catch(() => undefined)
    }
    closeSync(this.#fd)
  }

  async #afterOthers(): Promise<void> {
    await this.#running?.catch(() => undefined)
    await this.#gather()
    this.#next = undefined
    this.#running = this.#sync().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async #gather(): Promise<void> {
    if (this.#writing === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, GATHER_MS)
      this.#go = () => {
        clearTimeout(timer)
        // The last one has yet to ask.
        setImmediate(resolve)
      }
    })
  }

  async #sync(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    try {
      await sys.syncFileSystem(this.#fd)
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }
}
