import { UtsuwaError } from '../errors.ts'

/** @throws UtsuwaError ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new UtsuwaError('ABORTED', 'its AbortSignal fired', { cause: signal.reason })
}
