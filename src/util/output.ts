/** Results that go to a file or a stream of the caller's. */
import { randomBytes } from 'node:crypto'
import { lstat, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UtsuwaError } from '../errors.ts'
import { errnoOf, errnos } from './errno.ts'

/**
 * Writes all bytes to a path or a stream. A file gets its name when it is complete, and an older one stays until then;
 * what is a pipe or device is written to as it is.
 *
 * @throws UtsuwaError INVALID_ARGUMENT, NO_SPACE, ABORTED, and what `chunks` throws
 */
export async function writeOutput(
  target: string | Writable,
  chunks: AsyncIterable<Buffer>,
  signal?: AbortSignal,
): Promise<void> {
  try {
    if (typeof target === 'string') await writeFile(target, chunks, signal)
    else await pipeline(chunks, target, signal === undefined ? {} : { signal })
  } catch (cause) {
    throw outputError(cause, typeof target === 'string' ? target : undefined, signal)
  }
}

/** A system error about what the caller wants written, with what to call it. */
export function outputError(cause: unknown, path: string | undefined, signal?: AbortSignal): unknown {
  if (cause instanceof UtsuwaError) return cause
  const operation = path === undefined ? 'write the result' : `write ${path}`
  if (signal?.aborted) return new UtsuwaError('ABORTED', 'aborted', { operation, cause })
  const errno = errnoOf(cause)
  if (errno === undefined) return cause
  const code = errno === errnos.ENOSPC || errno === errnos.EDQUOT ? 'NO_SPACE' : 'INVALID_ARGUMENT'
  return new UtsuwaError(code, undefined, { operation, errno, cause, path })
}

async function writeFile(path: string, chunks: AsyncIterable<Buffer>, signal: AbortSignal | undefined): Promise<void> {
  const existing = await lstat(path).catch(() => undefined)
  // A link too: /dev/stdout is one.
  if (existing !== undefined && !existing.isFile()) return writeTo(path, 'w', chunks, signal)
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`)
  try {
    await writeTo(temporary, 'wx', chunks, signal)
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function writeTo(
  path: string,
  flags: 'w' | 'wx',
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using handle = await open(path, flags, 0o644)
  for await (const chunk of chunks) {
    signal?.throwIfAborted()
    await handle.writeFile(chunk)
  }
}
