/** The benchmarks still run, with as little as they can measure, beside those runtimes that the tests install. */
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const clone = join(import.meta.dirname, '../../..')
const directory = mkdtempSync(join(tmpdir(), 'utsuwa-bench-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

test('all of them, on one page', async () => {
  const [peers, out] = ['peers', 'out'].map(name => join(directory, name)) as [string, string]
  mkdirSync(peers)
  execFileSync('make', ['build/bench/floor'], { cwd: clone })
  // The root file system of this machine, in place of one that would have to be fetched.
  const script = 'mount --bind / "$1" && shift && exec "$@"'
  const flags = [
    '--rounds',
    '1',
    '--starts',
    '3',
    '--alive',
    '2',
    '--peers',
    peers,
    '--stores',
    directory,
    '--out',
    out,
  ]
  const bench = [process.execPath, join(clone, 'bench/main.ts'), ...flags, 'small']
  const env = { ...process.env, XDG_CACHE_HOME: directory }
  const { stderr } = await promisify(execFile)('unshare', ['--mount', 'sh', '-c', script, 'sh', peers, ...bench], {
    env,
  })
  const page = readFileSync(join(out, 'README.md'), 'utf8')
  // Those that no test installs, or that are too old for the bundle. All others must have been measured.
  const without = [...stderr.matchAll(/^NOT MEASURED: (.*?):/gm)].map(([, name]) => name!)
  for (const name of without) assert.ok(['bubblewrap', 'crun', 'podman'].includes(name), stderr)
  for (const name of ['utsuwa', 'utsuwa-oci', 'runc', 'ctr', 'unshare', 'skopeo + umoci'])
    assert.ok(page.includes(`| ${name} |`), `${name}: ${page}${stderr}`)
  const charts = readdirSync(out).filter(name => name.endsWith('.svg'))
  assert.ok(charts.length > 8, charts.join())
  for (const chart of charts) assert.ok(page.includes(`(${chart})`), chart)
})

test('a registry ends with whoever started it, also when that is killed', async () => {
  const registry = pathToFileURL(join(clone, 'test/support/registry.ts')).href
  const script = `import { startRegistry } from '${registry}'; console.log((await startRegistry()).port); setInterval(() => 0, 1e6)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(String(line))
  assert.ok(await answers(port))
  child.kill('SIGKILL')
  while (await answers(port)) await sleep(20)
})

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
