/** Containers that are created before anybody needs them. */

import { UtsuwaError } from '../../errors.ts'
import { throwIfAborted } from '../../util/aborted.ts'
import type { Files } from '../files/files.ts'
import { ignoreRejection } from '../streams/capture.ts'
import type { Container } from './container.ts'
import { type CreateOptions, create } from './create.ts'

/** What each container is made of. They are removed at their end, unless `removeOnExit` is false. */
export interface PoolOptions extends Omit<CreateOptions, 'name' | 'consoleSocketFd'> {
  /** Containers that wait, created and not started. At least 1. */
  readonly size: number
  /** Closes the pool. */
  readonly signal?: AbortSignal
}

/** Options of `take` of a pool. */
export interface TakeOptions {
  /** Written into the container before it is started. */
  readonly files?: Files
  /** Gives up before the start; the container goes. */
  readonly signal?: AbortSignal
}

/**
 * Fills a pool. Resolves when all its containers are created.
 * @throws UtsuwaError what creating one fails with; none is left then
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  const { size, signal } = options
  if (!Number.isSafeInteger(size) || size < 1)
    throw new UtsuwaError('INVALID_ARGUMENT', `must be a whole number from 1 on, found ${size}`, {
      operation: 'set size of pool',
    })
  throwIfAborted(signal)
  const pool = new Pool(options)
  try {
    await pool.filled()
    throwIfAborted(signal)
    return pool
  } catch (error) {
    await pool.close()
    throw error
  }
}

/** Use `createPool`. */
export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions
  /** Those that wait, or are still being created. */
  #waiting: Promise<Container>[] = []
  /** Those that were handed out and live. */
  readonly #taken = new Set<Container>()
  readonly #taking = new Set<Promise<Container>>()
  #closed: Promise<void> | undefined
  readonly #closeOnSignal = (): void => void this.close()

  constructor(options: PoolOptions) {
    this.#options = options
    options.signal?.addEventListener('abort', this.#closeOnSignal, { once: true })
    this.#fill()
  }

  /** Resolves when every container that is missing has been created. @throws UtsuwaError the first failure */
  async filled(): Promise<void> {
    await Promise.all(this.#waiting)
  }

  /**
   * A container whose command runs. Another one is created in its place meanwhile. With none waiting it takes as long
   * as a container takes.
   *
   * @throws UtsuwaError POOL_CLOSED; what creating or starting a container fails with
   */
  async take(options: TakeOptions = {}): Promise<Container> {
    const taking = this.#take(options)
    this.#taking.add(taking)
    try {
      return await taking
    } finally {
      this.#taking.delete(taking)
      // After the start, which somebody waits for.
      setImmediate(() => this.#fill())
    }
  }

  async #take(options: TakeOptions): Promise<Container> {
    this.#refuse(options)
    const waiting = this.#waiting.shift()
    // One that waited may have been killed, or made when something was missing that is there now.
    const started = waiting && (await this.#start(waiting, options).catch(() => undefined))
    if (started !== undefined) return started
    this.#refuse(options)
    return this.#start(this.#create(), options)
  }

  /** Removes all its containers, those that were taken too. Nothing happens when it is closed already. */
  close(): Promise<void> {
    this.#closed ??= this.#removeAll()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #start(created: Promise<Container>, options: TakeOptions): Promise<Container> {
    const container = await created
    try {
      this.#refuse(options)
      const { files, signal } = options
      if (files !== undefined) await container.copyIn(files, signal === undefined ? {} : { signal })
      await container.start()
      this.#refuse(options)
    } catch (error) {
      await container.delete()
      throw error
    }
    this.#taken.add(container)
    const forget = (): void => void this.#taken.delete(container)
    container.wait().then(forget, forget)
    return container
  }

  #refuse({ signal }: TakeOptions): void {
    throwIfAborted(signal)
    if (this.#closed !== undefined)
      throw new UtsuwaError('POOL_CLOSED', 'the pool is closed', { operation: 'take container' })
  }

  #create(): Promise<Container> {
    const { size: _, signal: __, ...options } = this.#options
    return create({ removeOnExit: true, ...options })
  }

  #fill(): void {
    while (this.#closed === undefined && this.#waiting.length < this.#options.size) {
      const container = this.#create()
      // Whoever takes it is told.
      container.catch(ignoreRejection)
      this.#waiting.push(container)
    }
  }

  async #removeAll(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#closeOnSignal)
    const waiting = this.#waiting
    this.#waiting = []
    const created = await Promise.allSettled(waiting)
    await Promise.allSettled(this.#taking)
    const containers = created.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    await Promise.all([...containers, ...this.#taken].map(container => container.delete()))
  }
}
