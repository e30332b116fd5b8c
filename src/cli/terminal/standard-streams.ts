/** Archives on standard input and output, which are for programs. */
import { read as readCallback, write as writeCallback } from 'node:fs'
import { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import { UtsuwaError } from '../../errors.ts'
import { isErrno } from '../../util/errno.ts'
import { sleep } from '../../util/sleep.ts'

const read = promisify(readCallback)
const write = promisify(writeCallback)

const CHUNK_SIZE = 512 * 1024
const RETRY_MS = 2

/** @throws UtsuwaError INVALID_ARGUMENT for a terminal */
export function standardInput(operation: string): AsyncIterable<Buffer> {
  if (isatty(0)) {
    throw new UtsuwaError('INVALID_ARGUMENT', 'standard input is a terminal', {
      operation,
      hint: 'name a file, or redirect one: <FILE',
    })
  }
  return readAll()
}

/** Not by a stream of Node's, which takes a pipe that somebody has made non-blocking and that is empty for an error. */
async function* readAll(): AsyncGenerator<Buffer> {
  for (;;) {
    try {
      const { bytesRead, buffer } = await read(0, Buffer.allocUnsafe(CHUNK_SIZE), 0, CHUNK_SIZE, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error
      await sleep(RETRY_MS)
    }
  }
}

/** @throws UtsuwaError INVALID_ARGUMENT for a terminal */
export function standardOutput(operation: string): Writable {
  if (isatty(1)) {
    throw new UtsuwaError('INVALID_ARGUMENT', 'an archive is not written to a terminal', {
      operation,
      hint: 'name a file with --output, or redirect it: >FILE',
    })
  }
  return new Writable({
    highWaterMark: CHUNK_SIZE,
    write: (chunk: Buffer, _encoding, done) => void writeFully(chunk).then(() => done(), done),
  })
}

/** The same for a reader that is slow, where a stream of Node's gives up. */
async function writeFully(chunk: Buffer): Promise<void> {
  for (let rest = chunk; rest.length > 0; ) {
    try {
      const { bytesWritten } = await write(1, rest)
      rest = rest.subarray(bytesWritten)
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error
      await sleep(RETRY_MS)
    }
  }
}
