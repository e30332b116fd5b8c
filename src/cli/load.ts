/**
 * What `utsuwa` starts with: src/cli/main.ts and what it imports, in one file that tools/build.ts has made, each module with
 * V8's code cache. A module is read and run when something of it is used for the first time, so that a command costs what
 * it uses, not what it could. ES modules are all found, read, linked and run before the first line of a command, and what
 * the built-in ones among them export is evaluated too: that takes longer than Node.js itself takes to start. Another
 * version of Node.js than the one that built the file refuses the cache, and compiles.
 */
import { openSync, readSync } from 'node:fs'
import { Script } from 'node:vm'

type Place = readonly [offset: number, textLength: number, cacheLength: number, exports: readonly string[]]

/** What is in the file, put in by tools/build.ts: modules by their path below src/, and packages. */
declare const UTSUWA_MODULES: {
  readonly file: string
  readonly entry: string
  readonly places: Readonly<Record<string, Place>>
}

interface Module {
  exports?: Record<string, unknown>
}

type Body = (require: (name: string) => object | undefined, module: Module, dirname: string) => void

const { file, entry, places } = UTSUWA_MODULES
const path = `${import.meta.dirname}/${file}`
// Open as long as the process lives: an update may take the file away before the last module was needed.
const fd = openSync(path, 'r')
const required = new Map<string, object>()

/** An object with the getters of a module that may not have run yet. */
function requireModule(name: string): object | undefined {
  const place = places[name]
  if (place === undefined) return process.getBuiltinModule(name)
  const known = required.get(name)
  if (known !== undefined) return known
  const module: Module = {}
  const lazy = Object.defineProperty({}, '__esModule', { value: true })
  for (const key of place[3])
    Object.defineProperty(lazy, key, { enumerable: true, get: () => (module.exports ?? run(name, place, module))[key] })
  required.set(name, lazy)
  return lazy
}

/** A module sets its exports before it does anything else, so one that is needed while it runs finds them. */
function run(name: string, [offset, textLength, cacheLength]: Place, module: Module): Record<string, unknown> {
  const bytes = Buffer.allocUnsafeSlow(textLength + cacheLength)
  readSync(fd, bytes, 0, bytes.length, offset)
  const script = new Script(bytes.toString('latin1', 0, textLength), {
    filename: `${path}/${name}`,
    cachedData: bytes.subarray(textLength),
  })
  const body = script.runInThisContext() as Body
  body(requireModule, module, import.meta.dirname)
  return module.exports!
}

run(entry, places[entry]!, {})
