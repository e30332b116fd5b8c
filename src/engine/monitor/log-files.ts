/**
 * The files of a log, one behind the other: `container.log` and, older, `container.log.1` and so on.
 *
 * A file is read under a shared flock, which keeps the monitor from removing it: see native/monitor_log.c. So whoever
 * reads to the end of one finds the next.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { LOG_NAME } from '../../runtime/state/places.ts'
import { constants, sys } from '../../sys/index.ts'
import { isErrno } from '../../util/errno.ts'
import { findLastLines } from './log-lines.ts'

const BLOCK_SIZE = 256 * 1024
/** A change of files takes the monitor microseconds. */
const TRIES = 100
const FILE_NAME = /^container\.log(?:\.(\d+))?$/

interface LogFile {
  readonly fd: number
  readonly inode: number
}

export class LogFiles implements Disposable {
  readonly #directory: string
  #file: LogFile | undefined
  #offset = 0
  /** Files went before they were read. */
  gap = false

  /** Nothing is opened before the first read. */
  constructor(directory: string) {
    this.#directory = directory
  }

  [Symbol.dispose](): void {
    this.#close()
  }

  /** Begins with the last lines, instead of the first. */
  seekToLast(lines: number): void {
    let missing = lines
    const numbers = this.#list()
    for (const [index, number] of numbers.toReversed().entries()) {
      const file = this.#open(number)
      if (file === undefined) return
      this.#use(file)
      for (let end = fstatSync(file.fd).size; end > 0; ) {
        const start = Math.max(0, end - BLOCK_SIZE)
        const data = Buffer.alloc(end - start)
        readSync(file.fd, data, 0, data.length, start)
        const first = start === 0 ? 0 : data.indexOf('\n') + 1
        const whole = data.subarray(first, data.lastIndexOf('\n') + 1)
        const isEnd = index === 0 && end > start + BLOCK_SIZE - 1
        const found = findLastLines(whole, missing, isEnd)
        this.#offset = start + first + found.offset
        if (found.offset > 0) return
        missing = found.missing
        end = start === 0 ? 0 : start + first
      }
    }
  }

  /** What comes next, at most `buffer.length` bytes. 0: nothing yet, or not in this file: see `advance`. */
  read(buffer: Buffer): number {
    if (this.#file === undefined && !this.#begin()) return 0
    const size = readSync(this.#file!.fd, buffer, 0, buffer.length, this.#offset)
    this.#offset += size
    return size
  }

  /**
   * Goes on to the next file, if there is one. To be called when there is nothing more to read: the monitor writes to no
   * file behind which there is another.
   * @returns whether there may be more to read: of the old file, or of the next
   */
  advance(buffer: Buffer): { readonly moved: boolean; readonly size: number } {
    if (this.#file === undefined) return { moved: false, size: 0 }
    const next = this.#next(this.#file)
    if (next === undefined) return { moved: false, size: 0 }
    // What came between the last read and the change of files.
    const size = this.read(buffer)
    if (size > 0) closeSync(next.fd)
    else this.#use(next)
    return { moved: true, size }
  }

  #begin(): boolean {
    const file = this.#openOldest()
    if (file !== undefined) this.#use(file)
    return file !== undefined
  }

  /** Undefined when there is none. */
  #openOldest(): LogFile | undefined {
    for (let tries = 0; tries < TRIES; tries++) {
      const [oldest] = this.#list()
      const file = oldest === undefined ? undefined : this.#open(oldest)
      if (oldest === undefined || file !== undefined) return file
    }
    return undefined
  }

  #next({ fd, inode }: LogFile): LogFile | undefined {
    if (this.#inodeAt(0) === inode) return undefined
    for (let tries = 0; tries < TRIES; tries++) {
      const number = this.#list().find(each => this.#inodeAt(each) === inode)
      if (number === 0) return undefined
      if (number !== undefined) {
        const next = this.#open(number - 1)
        // All of them move up while the monitor begins a new one, the oldest first.
        if (next !== undefined && this.#inodeAt(number) === inode) return next
        if (next !== undefined) closeSync(next.fd)
      } else if (fstatSync(fd).nlink === 0) {
        this.gap = true
        return this.#openOldest()
      }
    }
    // Somebody else has moved it away, and had the monitor open the log anew.
    return this.#open(0)
  }

  #inodeAt(number: number): number | undefined {
    return statSync(this.#path(number), { throwIfNoEntry: false })?.ino
  }

  #use(file: LogFile): void {
    this.#close()
    this.#file = file
    this.#offset = 0
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd)
    this.#file = undefined
  }

  /** Numbers of the files, the oldest, which has the highest, first. 0 is the present one. */
  #list(): number[] {
    try {
      return readdirSync(this.#directory)
        .flatMap(name => {
          const match = FILE_NAME.exec(name)
          return match === null ? [] : [Number(match[1] ?? 0)]
        })
        .sort((a, b) => b - a)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    }
  }

  #path(number: number): string {
    return join(this.#directory, number === 0 ? LOG_NAME : `${LOG_NAME}.${number}`)
  }

  /** Undefined when it is gone, or just goes. */
  #open(number: number): LogFile | undefined {
    let fd: number
    try {
      fd = openSync(this.#path(number), 'r')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
    if (sys.flock(fd, constants.LOCK_SH | constants.LOCK_NB)) {
      const { nlink, ino } = fstatSync(fd)
      if (nlink > 0) return { fd, inode: ino }
    }
    closeSync(fd)
    return undefined
  }
}
