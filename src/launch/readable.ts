/** Waiting for a descriptor without a thread: sockets, pipes and pidfds alike. */
import { sys, type Watch } from '../sys/index.ts'

/**
 * Resolves as soon as `fd` is readable or hung up. Keeps the process alive meanwhile.
 * @param timeoutMs gives up after so many milliseconds. Default: never
 * @returns false when it gave up
 */
export function waitReadable(fd: number, timeoutMs?: number): Promise<boolean> {
  return waitAnyReadable([fd], timeoutMs)
}

/** The same for the first of several. */
export function waitAnyReadable(fds: readonly number[], timeoutMs?: number): Promise<boolean> {
  return new Promise(resolve => {
    const finish = (readable: boolean): void => {
      for (const watch of watches) watch.close()
      clearTimeout(timer)
      resolve(readable)
    }
    const watches: Watch[] = fds.map(fd => sys.watch(fd, () => finish(true)))
    const timer = timeoutMs === undefined ? undefined : setTimeout(finish, timeoutMs, false)
  })
}
