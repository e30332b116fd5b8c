/**
 * Bundles src/ into dist/ and puts the native programs into dist/native: `node tools/build.ts`.
 *
 * Start time decides the shape. Everything is split into chunks, so that a registry client or a tar reader is read from
 * disk, and the parts of Node below it are loaded, only by the call that needs it. `utsuwa-oci`, which engines start for
 * every verb, is one CommonJS file: to import a built-in module as ES module evaluates everything it exports (`node:fs`
 * brings streams, sockets and readline along), and doubles the time of its start. Dependencies are bundled: to resolve
 * undici's hundred files costs more than to run them. Minifying was measured to gain nothing.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

const commit = { 'process.env.UTSUWA_COMMIT': JSON.stringify(describeCommit()) }

async function bundle(options: BuildOptions): Promise<void> {
  const { outputFiles = [] } = await build({ ...shared, ...options })
  for (const { path, text } of outputFiles)
    writeFileSync(path, /^var __require\b/m.test(text) ? requireBuiltins + text : text)
}

/** Old chunks go, new files come in one after the other: a `utsuwa` that runs from dist/ meanwhile may fail to import. */
function emptyDist(): void {
  mkdirSync(dist, { recursive: true })
  for (const name of readdirSync(dist)) if (/\.c?js$/.test(name)) rmSync(join(dist, name))
}

function copyNative(): void {
  mkdirSync(join(dist, 'native'), { recursive: true })
  for (const name of ['init', 'applier', 'libutsuwa.so', 'utsuwa.node']) {
    const target = join(dist, 'native', name)
    rmSync(target, { force: true }) // a new inode: a program that is running keeps its own
    cpSync(join(root, 'build/native', name), target)
  }
}

emptyDist()
copyNative()
try {
  await bundle({ entryPoints: { index: 'src/index.ts', utsuwa: 'src/cli/main.ts' }, define: commit })
  await bundle({
    entryPoints: { 'utsuwa-oci': 'src/cli/oci/main.ts' },
    format: 'cjs',
    splitting: false,
    outExtension: { '.js': '.cjs' },
    define: { ...commit, 'import.meta.dirname': '__dirname' },
  })
} catch (error) {
  // esbuild has printed each error with its line; only what is not an error of the sources is news.
  if (!(error instanceof Error && 'errors' in error)) throw error
  process.exitCode = 1
}
