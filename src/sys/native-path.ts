/** Where the native programs are. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const beside = join(import.meta.dirname, 'native')
/** Beside the bundles in dist/; in a checkout, when the sources run as they are, in build/native. */
const directory = existsSync(beside) ? beside : join(import.meta.dirname, '../../build/native')

/** Host path of `init`, `applier`, `libutsuwa.so` or `utsuwa.node`. */
export function nativePath(name: string): string {
  return join(directory, name)
}
