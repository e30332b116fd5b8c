/** Imports go one way: from a folder to those left of it. ARCHITECTURE.md explains the order. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { type Import, importsOf, projectFiles, root } from './source-files.ts'

const order = [
  'spec',
  'sys',
  'reference',
  'registry',
  'content',
  'layer',
  'snapshot',
  'image',
  'bundle',
  'options',
  'seccomp',
  'cgroup/stats',
  'cgroup',
  'cgroup/limits',
  'cgroup/systemd',
  'plan',
  'launch',
  'criu',
  'network',
  'volume',
  'runtime/state',
  'engine/connect',
  'engine/files',
  'engine/streams',
  'engine/monitor',
  'runtime',
  'engine/end',
  'engine/by-name',
  'engine/container',
  'diagnosis/why',
  'diagnosis/explain',
  'diagnosis/doctor',
  'lab',
  'index.ts',
  'testing',
  'cli/version.ts',
  'cli/print',
  'cli/progress',
  'cli/flags',
  'cli/terminal',
  'cli/filters',
  'cli/watch',
  'cli/internal',
  'cli/commands',
  'cli/oci',
  'cli',
]

/** What may be imported from outside, and where. Everything else is a dependency that nobody has argued for. */
const packages: Record<string, string[]> = {
  undici: ['registry'],
  tar: ['layer'],
  commander: ['cli'],
  yaml: ['lab'],
  uplot: ['lab'],
  koffi: ['sys'],
  'node:ffi': ['sys'],
}

const sources = projectFiles('src').filter(file => file.endsWith('.ts'))
const imports = sources.flatMap(importsOf)

/** `src/plan/ops.ts` is in `plan`, `src/index.ts` in `index.ts`; with rooms within a folder it is the innermost. */
const placeOf = (file: string): string => {
  const path = file.split('/').slice(1)
  for (let end = path.length; end > 1; end--) {
    const room = path.slice(0, end).join('/')
    if (order.includes(room)) return room
  }
  return path[0] ?? ''
}
const free = (place: string): boolean => place === 'errors.ts' || place === 'util'
const where = ({ file, line, target }: Import): string => `${file}:${line} imports ${target}`

test('the sources are there to be looked at', () => {
  assert.ok(sources.length > 20 && imports.length > 50, `${sources.length} files, ${imports.length} imports`)
})

test('every folder of src has its place in the order', () => {
  const unknown = new Set(sources.map(placeOf).filter(place => !free(place) && !order.includes(place)))
  assert.deepEqual([...unknown], [])
})

test('a folder imports only from folders left of it', () => {
  const wrong = imports.filter(({ file, target, relative }) => {
    if (!relative || !target.startsWith('src/')) return false
    const [from, to] = [placeOf(file), placeOf(target)]
    if (free(to)) return false
    if (free(from)) return true
    return order.indexOf(to) > order.indexOf(from)
  })
  assert.deepEqual(wrong.map(where), [])
})

/** Each command line sees the engine by one face; ARCHITECTURE.md says why there are two. */
const faceOf = (file: string): string => (file.startsWith('src/cli/oci/') ? 'src/runtime/index.ts' : 'src/index.ts')

/** What is imported past the face all the same, and why. */
const pastTheFace: Readonly<Record<string, string>> = {
  'src/engine/by-name/boot.ts': 'run by utsuwa.service: no API',
  'src/engine/by-name/shutdown.ts': 'run by utsuwa.service: no API',
  'src/engine/by-name/ended.ts': 'run by the monitor: no API',
  'src/launch/readable.ts': 'waits for a terminal',
  'src/options/bytes.ts': 'the grammar of sizes',
  'src/options/ports.ts': 'the grammar of --publish',
  'src/cgroup/hierarchy.ts': 'figures of the host for `info`',
  'src/lab/files.ts': 'what `lab run --json` leaves out',
  'src/registry/rate-limit.ts': 'its words',
}

test('a command line imports only its face of the engine', () => {
  const everywhere = (target: string): boolean => /^src\/(cli|util|spec|sys)\/|^src\/errors\.ts$/.test(target)
  const past = imports.filter(
    ({ file, target, relative }) =>
      relative &&
      file.startsWith('src/cli/') &&
      target.startsWith('src/') &&
      target !== faceOf(file) &&
      !everywhere(target),
  )
  assert.deepEqual(past.filter(({ target }) => pastTheFace[target] === undefined).map(where), [])
  const used = new Set(past.map(({ target }) => target))
  assert.deepEqual(
    Object.keys(pastTheFace).filter(target => !used.has(target)),
    [],
    'exceptions of which none is needed',
  )
})

test('src imports nothing of the project but src', () => {
  const wrong = imports.filter(
    ({ target, relative }) => relative && !target.startsWith('src/') && target !== 'package.json',
  )
  assert.deepEqual(wrong.map(where), [])
})

test('imported files exist and are named with their extension', () => {
  const wrong = imports.filter(({ target, relative }) => relative && !existsSync(join(root, target)))
  assert.deepEqual(wrong.map(where), [])
})

test('packages are imported where they belong', () => {
  const wrong = imports.filter(({ file, target, relative, typeOnly }) => {
    if (relative || typeOnly) return false
    const name = target.startsWith('node:') ? target : (target.split('/')[0] ?? target)
    const allowed = packages[name]
    return allowed === undefined ? !target.startsWith('node:') : !allowed.includes(file.split('/')[1] ?? '')
  })
  assert.deepEqual(wrong.map(where), [])
})

test('no file imports itself through others', () => {
  const edges = Map.groupBy(
    imports.filter(({ relative, typeOnly }) => relative && !typeOnly),
    ({ file }) => file,
  )
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    const start = path.indexOf(file)
    assert.equal(start, -1, `a circle: ${[...path.slice(start), file].join(' → ')}`)
    if (done.has(file)) return
    for (const { target } of edges.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of sources) visit(file, [])
})

test('unit tests lie where their subject lies', () => {
  const folders = new Set(sources.map(file => dirname(file).replace(/^src/, 'test/unit')))
  const files = new Set(sources.map(file => file.replace(/^src/, 'test/unit').replace(/ts$/, 'test.ts')))
  const wrong = projectFiles('test/unit').filter(
    file => file.endsWith('.test.ts') && !folders.has(dirname(file)) && !files.has(file),
  )
  assert.deepEqual(wrong, [])
})
