/** A container's terminal, shown on the caller's. */
import { closeSync, readSync, write as writeCallback } from 'node:fs'
import { promisify } from 'node:util'
import { UtsuwaError } from '../../errors.ts'
import { waitReadable } from '../../launch/readable.ts'
import { sys, type Watch } from '../../sys/index.ts'
import { isErrno } from '../../util/errno.ts'
import { writeAll } from '../print/write.ts'

const write = promisify(writeCallback)

const BUFFER_SIZE = 64 * 1024
/** ^D, which a terminal takes for the end of input. */
const END_OF_TRANSMISSION = Buffer.of(4)
/** How long output may still come when the container has ended but somebody else holds its terminal. */
const DRAIN_MS = 200

export interface Console extends Disposable {
  /** For the container: init sends the master of the terminal through it. */
  readonly socketFd: number
  /** Connects the terminal that has arrived with the caller's: input raw, output, size. */
  attach(): Promise<void>
  /** Resolves when the last output of a container that has ended is written. */
  drained(): Promise<void>
}

export interface ConsoleOptions {
  /** Whether the caller's standard input goes to the container. Default: true. */
  readonly input?: boolean
  /** Whether a line feed of the container stays one, as runc has it, or comes out as docker has it, behind a carriage return. Default: false. */
  readonly keepLineFeeds?: boolean
}

export function openConsole({ input = true, keepLineFeeds = false }: ConsoleOptions = {}): Console {
  const [ours, theirs] = sys.socketpair('stream')
  let relay: Relay | undefined
  let open = true
  const closeSockets = (): void => {
    if (!open) return
    open = false
    closeSync(ours)
    closeSync(theirs)
  }
  return {
    socketFd: theirs,
    async attach() {
      const master = await receiveMaster(ours)
      if (keepLineFeeds) sys.keepLineFeeds(master)
      relay = new Relay(master, input)
      closeSockets()
    },
    async drained() {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, DRAIN_MS)
      await Promise.race([relay?.ended, promise])
      clearTimeout(timer)
    },
    [Symbol.dispose]() {
      closeSockets()
      relay?.close()
    },
  }
}

async function receiveMaster(socket: number): Promise<number> {
  await waitReadable(socket)
  const fd = sys.receive(socket)?.fd
  if (fd === undefined) throw new UtsuwaError('INIT_FAILED', 'init sent no descriptor', { operation: 'open console' })
  return fd
}

class Relay {
  /** Resolves when nobody has the terminal open any more. */
  readonly ended: Promise<void>
  readonly #master: number
  readonly #watch: Watch
  readonly #buffer = Buffer.allocUnsafe(BUFFER_SIZE)
  readonly #finish: () => void
  readonly #hasInput: boolean
  readonly #resize = (): void => this.#copySize()
  readonly #passChunk = (chunk: Buffer): void => void this.#passOn(chunk)
  readonly #passEnd = (): void => void this.#passOn(END_OF_TRANSMISSION)
  #pending: Promise<unknown> = Promise.resolve()
  #open = true

  constructor(master: number, hasInput: boolean) {
    this.#master = master
    this.#hasInput = hasInput
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#finish = resolve
    this.#copySize()
    process.on('SIGWINCH', this.#resize)
    if (hasInput) this.#openInput()
    this.#watch = sys.watch(master, () => this.#output())
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#watch.close()
    process.off('SIGWINCH', this.#resize)
    if (this.#hasInput) this.#closeInput()
    // A write that still waits for room ends with the last reader; the number must not be reused before.
    void this.#pending.finally(() => closeSync(this.#master))
  }

  #openInput(): void {
    if (process.stdin.isTTY) process.stdin.setRawMode(true)
    process.stdin.on('data', this.#passChunk)
    process.stdin.on('end', this.#passEnd)
  }

  #closeInput(): void {
    process.stdin.off('data', this.#passChunk)
    process.stdin.off('end', this.#passEnd)
    if (process.stdin.isTTY) process.stdin.setRawMode(false)
    process.stdin.destroy()
  }

  #output(): void {
    try {
      const size = readSync(this.#master, this.#buffer)
      writeAll(1, this.#buffer.subarray(0, size))
    } catch (error) {
      // EIO: the container's side is closed. See pty(7).
      if (!isErrno(error, 'EIO')) throw error
      this.#watch.close()
      this.#finish()
    }
  }

  /** In a thread of the pool, because a program that does not read its input makes the write wait. */
  async #passOn(chunk: Buffer): Promise<void> {
    process.stdin.pause()
    const previous = this.#pending
    this.#pending = previous.then(() => this.#writeInput(chunk))
    await this.#pending
    if (this.#open) process.stdin.resume()
  }

  async #writeInput(chunk: Buffer): Promise<void> {
    try {
      for (let rest = chunk; rest.length > 0 && this.#open; ) {
        const { bytesWritten } = await write(this.#master, rest)
        rest = rest.subarray(bytesWritten)
      }
    } catch (error) {
      if (!isErrno(error, 'EIO')) throw error
    }
  }

  #copySize(): void {
    const terminal = [process.stdout, process.stderr].find(stream => stream.isTTY)
    if (terminal !== undefined) sys.setTerminalSize(this.#master, terminal.columns, terminal.rows)
  }
}
