import { isUtsuwaError, UtsuwaError } from '../errors.ts'

/** @throws UtsuwaError ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal)
}

/**
 * Around a whole operation: whatever fails once its signal has fired is the consequence, since what the abort kills says
 * at each place in another way that it is gone. Cleaning up belongs outside: what fails there is news.
 *
 * @throws UtsuwaError ABORTED with the signal's reason as its cause; at once when it has fired before
 */
export async function orAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  throwIfAborted(signal)
  try {
    return await work()
  } catch (error) {
    if (signal?.aborted) throw aborted(signal, isUtsuwaError(error) ? error.operation : undefined)
    throw error
  }
}

/** As above, but the consumer does not wait for more of it once the signal has fired. @throws UtsuwaError ABORTED */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  const { promise: abort, resolve } = Promise.withResolvers<undefined>()
  const fire = (): void => resolve(undefined)
  signal?.addEventListener('abort', fire)
  let isOver = false
  try {
    throwIfAborted(signal)
    for (;;) {
      const next = await Promise.race([iterator.next(), abort])
      throwIfAborted(signal)
      isOver = next?.done ?? false
      if (next === undefined || next.done) return
      yield next.value
    }
  } finally {
    signal?.removeEventListener('abort', fire)
    // Not awaited: a source that is stuck does not answer.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}

/** @param operation what was under way */
function aborted(signal: AbortSignal, operation?: string): UtsuwaError {
  return new UtsuwaError('ABORTED', 'its AbortSignal fired', {
    cause: signal.reason,
    operation,
  })
}
