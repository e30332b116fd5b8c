/**
 * What `utsuwa-oci` starts with: runs the bundle of main.ts from V8's code cache, which tools/build.ts has made. To
 * compile the bundle costs a third of what Node.js itself takes to start. Another version of Node.js than the one that
 * built it refuses the cache, and compiles.
 */
import { readFileSync } from 'node:fs'
import { Script } from 'node:vm'

/** File name of the bundle, put in by tools/build.ts. */
declare const UTSUWA_OCI: string

const filename = `${import.meta.dirname}/${UTSUWA_OCI}`
// Outside of comments esbuild writes ASCII, which needs no decoding.
const script = new Script(readFileSync(filename, 'latin1'), {
  filename,
  cachedData: readFileSync(`${filename}.cache`),
})
script.runInThisContext()(process.getBuiltinModule, import.meta.dirname)
