/**
 * What `utsuwa-oci` starts with: runs a bundle of main.ts from V8's code cache, which tools/build.ts has made. To compile
 * a bundle costs a third of what Node.js itself takes to start, and to read all of it half as much; so the commands that
 * engines call all the time have bundles of their own. Another version of Node.js than the one that built it refuses the
 * cache, and compiles.
 */
import { readFileSync } from 'node:fs'
import { Script } from 'node:vm'
import { parseFlags } from './flags.ts'
import { globalFlags } from './global-flags.ts'

/** File names of the bundles by command, put in by tools/build.ts; that of '' has all commands. */
declare const UTSUWA_OCI: Readonly<Record<string, string>>

function commandIn(words: readonly string[]): string {
  try {
    return parseFlags(globalFlags, words, { stopAtFirstWord: true }).rest[0] ?? ''
  } catch {
    return '' // It will say what is wrong.
  }
}

const command = commandIn(process.argv.slice(2))
const filename = `${import.meta.dirname}/${UTSUWA_OCI[Object.hasOwn(UTSUWA_OCI, command) ? command : '']}`
// Outside of comments esbuild writes ASCII, which needs no decoding.
const script = new Script(readFileSync(filename, 'latin1'), {
  filename,
  cachedData: readFileSync(`${filename}.cache`),
})
script.runInThisContext()(process.getBuiltinModule, import.meta.dirname)
