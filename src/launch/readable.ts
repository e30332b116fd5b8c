/** Waiting for a descriptor without a thread: sockets, pipes and pidfds alike. */
import { sys, type Watch } from '../sys/index.ts'

/**
 * Resolves as soon as `fd` is readable or hung up. Keeps the process alive until then.
 * @param timeoutMs gives up after so many milliseconds. Default: never
 * @param signal has it give up as well
 * @returns false when it gave up
 */
export function waitReadable(fd: number, timeoutMs?: number, signal?: AbortSignal): Promise<boolean> {
  return waitAnyReadable([fd], timeoutMs, signal)
}

/** `waitReadable` for the first of several. */
export function waitAnyReadable(fds: readonly number[], timeoutMs?: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const finish = (readable: boolean): void => {
      for (const watch of watches) watch.close()
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      resolve(readable)
    }
    const giveUp = (): void => finish(false)
    const watches: Watch[] = fds.map(fd => sys.watch(fd, () => finish(true)))
    const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs)
    signal?.addEventListener('abort', giveUp)
    if (signal?.aborted) giveUp()
  })
}
