/**
 * Bundles src/ into dist/ and puts the native programs into dist/native: `node tools/build.ts`.
 *
 * Start time decides the shape. The library is split into chunks, so that a registry client or a tar reader is read from
 * disk, and the parts of Node below it are loaded, only by the call that needs it. Dependencies are bundled: to resolve
 * undici's hundred files costs more than to run them.
 *
 * The command lines are CommonJS with V8's code cache beside it. To import a built-in module as ES module would evaluate
 * everything it exports (`node:fs` brings streams, sockets and readline along), and double the time of their start. Of
 * `utsuwa`, each module is loaded when something of it is used. `utsuwa-oci`, which engines start for every verb, is one
 * script for each of the frequent verbs, and one for all: what is used anyway is had soonest in one piece. Minified it
 * starts no sooner; a start-up snapshot of Node.js takes twice as long as its own.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

/**
 * `import process from 'node:process'`, as commander has it, evaluates all that the module exports: streams for standard
 * input and output come into being, which makes a pipe there non-blocking for everybody who has it, containers too.
 */
const globalProcess: Plugin = {
  name: 'global-process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:process$/ }, () => ({ path: 'process', namespace: 'global' }))
    onLoad({ filter: /.*/, namespace: 'global' }, () => ({ contents: 'export default globalThis.process' }))
  },
}

const shared: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  outdir: dist,
  // Chunks lie beside the entry points, so that `import.meta.dirname` means dist/ wherever a module ends up.
  chunkNames: '[name]-[hash]',
  external: ['*.node'],
  plugins: [globalProcess],
  logLevel: 'warning',
  legalComments: 'none',
}

/** CommonJS packages call `require('node:…')`, which an ES module lacks; nothing else is left to require after bundling. */
const requireBuiltins = 'const require = process.getBuiltinModule;\n'

/** With `-dirty` where files were changed; `unknown` outside a clone. */
function describeCommit(): string {
  const { status, stdout } = spawnSync('git', ['describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'], {
    cwd: root,
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : 'unknown'
}

/** Changes with whatever changes what a seccomp profile is compiled to. */
function hashSeccompCompiler(): string {
  const hash = createHash('sha256')
  const directory = join(root, 'src/seccomp')
  for (const name of readdirSync(directory).sort()) hash.update(readFileSync(join(directory, name)))
  return hash.digest('hex')
}

const define = {
  'process.env.UTSUWA_COMMIT': JSON.stringify(describeCommit()),
  'process.env.UTSUWA_SECCOMP_COMPILER': JSON.stringify(hashSeccompCompiler()),
}

async function bundle(options: BuildOptions): Promise<void> {
  const { outputFiles = [] } = await build({ ...shared, ...options })
  for (const { path, text } of outputFiles)
    writeFileSync(path, /^var __require\b/m.test(text) ? requireBuiltins + text : text)
}

/** Old chunks go, new files come in one after the other: a `utsuwa` that runs from dist/ meanwhile may fail to import. */
function emptyDist(): void {
  mkdirSync(dist, { recursive: true })
  for (const name of readdirSync(dist)) if (/\.(?:c?js|css|cache|modules)$/.test(name)) rmSync(join(dist, name))
}

function copyNative(): void {
  mkdirSync(join(dist, 'native'), { recursive: true })
  for (const name of ['init', 'applier', 'monitor', 'reaper', 'libutsuwa.so', 'utsuwa.node']) {
    const target = join(dist, 'native', name)
    rmSync(target, { force: true }) // a new inode: a program that is running keeps its own
    cpSync(join(root, 'build/native', name), target)
  }
}

/**
 * Every function is compiled before it is called, so that the cache has those of all verbs. Laziness comes back before
 * the cache is made: V8 takes none that was made under other flags than its own.
 */
function compileAhead(source: string): Buffer {
  setFlagsFromString('--no-lazy')
  const script = new Script(source)
  setFlagsFromString('--lazy')
  return script.createCachedData()
}

const commonJs: BuildOptions = { format: 'cjs', splitting: false, outExtension: { '.js': '.cjs' } }

/** npm links them into `node_modules/.bin`, from where the kernel executes them. */
const executable: BuildOptions = { ...commonJs, banner: { js: '#!/usr/bin/env node' } }

/** What engines call for each container, and health checks all the time. */
const frequentCommands = ['create', 'start', 'state', 'kill', 'delete', 'exec', 'run']

/** In place of src/cli/oci/commands.ts: one command alone. */
const onlyCommand = (name: string): Plugin => ({
  name: 'only-command',
  setup({ onLoad }) {
    onLoad({ filter: /\/cli\/oci\/commands\.ts$/ }, ({ path }) => ({
      contents: `import { command } from './${name}.ts'\nexport const commands = { ${name}: command }`,
      loader: 'ts',
      resolveDir: dirname(path),
    }))
  },
})

/**
 * The script is an expression, the function that src/cli/oci/load.ts calls. Of its source V8 compares with the cache
 * no more than the length, so its name says what it has in it: another build never meets this cache.
 *
 * @returns its file name
 */
async function bundleOciScript(name: string, plugins: Plugin[]): Promise<string> {
  const { outputFiles = [] } = await build({
    ...shared,
    ...commonJs,
    entryPoints: { [name]: 'src/cli/oci/main.ts' },
    entryNames: '[name]-[hash]',
    banner: { js: '(function (require, __dirname) {' },
    footer: { js: '})' },
    supported: { 'dynamic-import': false },
    charset: 'ascii',
    define: { ...define, 'import.meta.dirname': '__dirname' },
    plugins: [globalProcess, ...plugins],
  })
  const { path, text } = outputFiles[0]!
  writeFileSync(path, text)
  writeFileSync(`${path}.cache`, compileAhead(readFileSync(path, 'latin1')))
  return basename(path)
}

async function bundleOci(): Promise<void> {
  const scripts: Record<string, string> = { '': await bundleOciScript('utsuwa-oci', []) }
  for (const name of frequentCommands) scripts[name] = await bundleOciScript(`utsuwa-oci-${name}`, [onlyCommand(name)])
  await bundle({
    ...executable,
    entryPoints: { 'utsuwa-oci': 'src/cli/oci/load.ts' },
    define: { 'import.meta.dirname': '__dirname', UTSUWA_OCI: JSON.stringify(scripts) },
  })
}

/** Of packages that several modules use, what they use. A package of one module alone is bundled into it. */
const packages: Readonly<Record<string, string>> = {
  commander: `export { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'`,
  tar: `export { Header, Pax } from 'tar'`,
}

/** Leaves the modules of src/ and those packages outside of one another, under the names that src/cli/load.ts has for them. */
const apart: Plugin = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ path, kind, importer, resolveDir }) => {
      if (kind === 'entry-point' || importer === '<stdin>') return undefined
      if (Object.hasOwn(packages, path)) return { path, external: true }
      if (!path.startsWith('.') || !path.endsWith('.ts')) return undefined
      return { path: relative(join(root, 'src'), join(resolveDir, path)), external: true }
    })
  },
}

interface LooseModule {
  readonly name: string
  readonly text: string
  readonly exports: readonly string[]
  /** Names of those that it imports, now or later. */
  readonly imports: readonly string[]
}

async function looseModule(name: string): Promise<LooseModule> {
  const contents = packages[name]
  const source: BuildOptions =
    contents === undefined ? { entryPoints: [join('src', name)] } : { stdin: { contents, resolveDir: root } }
  const options: BuildOptions = {
    ...shared,
    ...source,
    splitting: false,
    charset: 'ascii',
    metafile: true,
    define: { ...define, 'import.meta.dirname': '__dirname' },
    plugins: [globalProcess, apart],
  }
  // As a CommonJS module it has the text that is wanted, but esbuild tells the exports of ES modules alone.
  const [script, module] = await Promise.all([
    build({ ...options, format: 'cjs', supported: { 'dynamic-import': false } }),
    build(options),
  ])
  const { exports, imports } = Object.values(module.metafile!.outputs)[0]!
  return {
    name,
    text: script.outputFiles![0]!.text,
    exports,
    imports: imports.map(({ path }) => path).filter(path => path.endsWith('.ts') || Object.hasOwn(packages, path)),
  }
}

/** A module and all that it imports, directly or not. */
async function looseModules(entry: string): Promise<LooseModule[]> {
  const found = new Map<string, Promise<LooseModule>>()
  const visit = async (name: string): Promise<void> => {
    if (found.has(name)) return
    const module = looseModule(name)
    found.set(name, module)
    await Promise.all((await module).imports.map(visit))
  }
  await visit(entry)
  return Promise.all(found.values())
}

/** V8 wants a cache at a multiple of this many bytes. */
const ALIGNMENT = 8

/**
 * The modules of `utsuwa`, each a function that src/cli/load.ts calls, and their caches, in one file. Its name says what it
 * has in it: of a module's text V8 compares with the cache no more than the length.
 */
async function bundleCommandLine(): Promise<void> {
  const entry = 'cli/main.ts'
  const parts: Buffer[] = []
  const places: Record<string, [number, number, number, readonly string[]]> = {}
  let offset = 0
  for (const { name, text, exports } of await looseModules(entry)) {
    const source = `(function (require, module, __dirname) {${text}})`
    const padded = Buffer.from(source.padEnd(Math.ceil(source.length / ALIGNMENT) * ALIGNMENT), 'latin1')
    const cache = compileAhead(padded.toString('latin1'))
    places[name] = [offset, padded.length, cache.length, exports]
    parts.push(padded, cache)
    offset += padded.length + cache.length
  }
  const bytes = Buffer.concat(parts)
  const file = `utsuwa-${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}.modules`
  writeFileSync(join(dist, file), bytes)
  await bundle({
    ...executable,
    entryPoints: { utsuwa: 'src/cli/load.ts' },
    define: { 'import.meta.dirname': '__dirname', UTSUWA_MODULES: JSON.stringify({ file, entry, places }) },
  })
}

/** What the pages of experiments have in them: script and style with the plot library, for a browser. */
async function bundleLabPage(): Promise<void> {
  const { outputFiles = [] } = await build({
    absWorkingDir: root,
    entryPoints: [
      { in: 'src/lab/page/main.ts', out: 'lab-page' },
      { in: 'src/lab/page/style.css', out: 'lab-page' },
    ],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2024',
    charset: 'utf8',
    outdir: dist,
    logLevel: 'warning',
    // The notices of what is bundled go with it.
    legalComments: 'inline',
  })
  for (const { path, text } of outputFiles) writeFileSync(path, text)
}

emptyDist()
copyNative()
try {
  await bundle({
    entryPoints: { index: 'src/index.ts', testing: 'src/testing/index.ts' },
    define,
  })
  await bundleCommandLine()
  await bundleOci()
  await bundleLabPage()
} catch (error) {
  // esbuild has printed each error with its line; only what is not an error of the sources is news.
  if (!(error instanceof Error && 'errors' in error)) throw error
  process.exitCode = 1
}
