/** Our end of a pipe that a process of a container writes to. */
import { readSync } from 'node:fs'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { isErrno } from '../../util/errno.ts'

const PIECE = 64 * 1024
/** The most that a pipe holds unless its writer is privileged: /proc/sys/fs/pipe-max-size. */
const MAX_HELD = 1024 * 1024

/**
 * A stream whose descriptor does not have to wait for a reader: what the process has left in the pipe at its end is
 * taken into memory, and the descriptor closed. A stream of Node alone keeps it open until all has been read, for ever
 * where nobody reads.
 */
export class OutputPipe extends Readable {
  readonly #fd: number
  readonly #socket: Socket

  /** @param fd is closed by this stream */
  constructor(fd: number) {
    super()
    this.#fd = fd
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) this.#socket.pause()
    })
    this.#socket.on('end', () => this.push(null))
    this.#socket.on('error', error => this.destroy(error))
  }

  /** False when the descriptor is closed; there may be data left to read. */
  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  /** For the end of the process: takes what is in the pipe, and closes it unless there is another writer. */
  drain(): void {
    if (this.isOpen && this.#take()) this.#end()
  }

  /** The same, and closes it even so. */
  close(): void {
    if (!this.isOpen) return
    this.#take()
    this.#end()
  }

  /** @returns whether the last writer has gone */
  #take(): boolean {
    // What has come already is first. It is handed to our listener, too.
    while (this.#socket.read() !== null);
    for (let taken = 0; taken < MAX_HELD; ) {
      const piece = Buffer.allocUnsafe(PIECE)
      const size = readIfReady(this.#fd, piece)
      if (size === undefined) return false
      if (size === 0) return true
      this.push(piece.subarray(0, size))
      taken += size
    }
    return false
  }

  #end(): void {
    this.push(null)
    this.#socket.destroy()
  }
}

/** Undefined when there is nothing to read yet: the socket has made the descriptor non-blocking. */
function readIfReady(fd: number, buffer: Buffer): number | undefined {
  try {
    return readSync(fd, buffer)
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return undefined
    throw error
  }
}
