/** A descriptor that is closed with its scope. */
import { closeSync } from 'node:fs'

export type ScopedFd = Disposable & { readonly fd: number }

export function scopedFd(fd: number): ScopedFd {
  return { fd, [Symbol.dispose]: () => closeSync(fd) }
}
