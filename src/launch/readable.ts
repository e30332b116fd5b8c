/** Waiting for a descriptor without a thread: sockets, pipes and pidfds alike. */
import { sys } from '../sys/index.ts'

/**
 * Resolves as soon as `fd` is readable or hung up. Keeps the process alive meanwhile.
 * @param timeoutMs gives up after so many milliseconds. Default: never
 * @returns false when it gave up
 */
export function waitReadable(fd: number, timeoutMs?: number): Promise<boolean> {
  return new Promise(resolve => {
    const finish = (readable: boolean): void => {
      watch.close()
      clearTimeout(timer)
      resolve(readable)
    }
    const watch = sys.watch(fd, () => finish(true))
    const timer = timeoutMs === undefined ? undefined : setTimeout(finish, timeoutMs, false)
  })
}
