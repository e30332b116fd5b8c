/** Where the state of containers is kept unless --root says otherwise: where runc keeps its own, under our name. */

import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as runtime from '../../runtime/index.ts'

const NAME = 'utsuwa-oci'

/** Only root can write to /run; a user has a directory of its own below it. */
export function defaultStateRoot(): string {
  const { XDG_RUNTIME_DIR } = process.env
  return XDG_RUNTIME_DIR && isUser() ? join(XDG_RUNTIME_DIR, NAME) : join('/run', NAME)
}

/** A user who is root in a user namespace still is that user, unless it says otherwise. */
function isUser(): boolean {
  return process.geteuid!() !== 0 || (runtime.isInUserNamespace() && process.env.USER !== 'root')
}

/**
 * Makes it, and marks it as in use: what lies in $XDG_RUNTIME_DIR without the sticky bit may be taken away after six
 * hours (XDG Base Directory Specification).
 */
export function keepDefaultStateRoot(): void {
  const path = defaultStateRoot()
  if (!isUser()) return
  mkdirSync(path, { recursive: true, mode: 0o700 })
  chmodSync(path, 0o1700)
}
