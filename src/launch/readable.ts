/** Waiting for a descriptor without a thread: sockets, pipes and pidfds alike. */
import { sys } from '../sys/index.ts'

/** Resolves as soon as `fd` is readable or hung up. Keeps the process alive meanwhile. */
export function waitReadable(fd: number): Promise<void> {
  return new Promise(resolve => {
    const watch = sys.watch(fd, () => {
      watch.close()
      resolve()
    })
  })
}
