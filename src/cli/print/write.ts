/** Output without streams: `process.stdout` costs start time and may make a descriptor non-blocking that others share. */
import { write as writeCallback, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { isErrno } from '../../util/errno.ts'
import { sleep } from '../../util/sleep.ts'

const RETRY_MS = 1

const write = promisify(writeCallback)

/** Writes all of it. A reader that has gone is no error: nobody is left to tell. */
export function writeAll(fd: number, data: string | Uint8Array): void {
  for (let rest = toBuffer(data); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if (isErrno(error, 'EPIPE')) return
      if (!isErrno(error, 'EAGAIN')) throw error
      // Somebody who shares the descriptor made it non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}

function toBuffer(data: string | Uint8Array): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

/**
 * The same without keeping this process from anything else: a reader may take its time.
 * @returns false when the reader has gone
 */
export async function writeAllAsync(fd: number, data: string | Uint8Array): Promise<boolean> {
  for (let rest = toBuffer(data); rest.length > 0; ) {
    try {
      const { bytesWritten } = await write(fd, rest)
      rest = rest.subarray(bytesWritten)
    } catch (error) {
      if (isErrno(error, 'EPIPE')) return false
      if (!isErrno(error, 'EAGAIN')) throw error
      await sleep(RETRY_MS)
    }
  }
  return true
}
