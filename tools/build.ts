/**
 * Bundles src/ into dist/ and puts the native programs into dist/native: `node tools/build.ts`.
 *
 * Start time decides the shape. Everything is split into chunks, so that a registry client or a tar reader is read from
 * disk, and the parts of Node below it are loaded, only by the call that needs it. Dependencies are bundled: to resolve
 * undici's hundred files costs more than to run them.
 *
 * `utsuwa-oci`, which engines start for every verb, is a CommonJS script with V8's code cache beside it: one for each of
 * the frequent verbs, and one for all. To import a built-in module as ES module would evaluate everything it exports
 * (`node:fs` brings streams, sockets and readline along), and double the time of its start. Minified it starts no sooner;
 * a start-up snapshot of Node.js takes twice as long as its own.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
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
  for (const name of readdirSync(dist)) if (/\.(?:c?js|cache)$/.test(name)) rmSync(join(dist, name))
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
    ...commonJs,
    entryPoints: { 'utsuwa-oci': 'src/cli/oci/load.ts' },
    define: { 'import.meta.dirname': '__dirname', UTSUWA_OCI: JSON.stringify(scripts) },
  })
}

emptyDist()
copyNative()
try {
  await bundle({
    entryPoints: { index: 'src/index.ts', testing: 'src/testing/index.ts', utsuwa: 'src/cli/main.ts' },
    define,
  })
  await bundleOci()
} catch (error) {
  // esbuild has printed each error with its line; only what is not an error of the sources is news.
  if (!(error instanceof Error && 'errors' in error)) throw error
  process.exitCode = 1
}
