/** What `npm pack` makes, installed into an empty project under each supported Node, runs the first example. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { compilerRoot } from '../../support/debian-root.ts'
import { npmPackages } from '../../support/npm-packages.ts'
import { ExampleSite, examples } from '../examples/support.ts'

const project = join(import.meta.dirname, '../../..')
const site = new ExampleSite()
const packages = site.makeDirectory('packages')
let modules: string
let archives: string[]

before(async () => {
  modules = await npmPackages('node-versions')
  await site.importImage(await compilerRoot(), 'snippets')
  const packed = [project, ...dependencies().map(path => join(project, path))]
  npm(process.execPath, project, 'pack', '--silent', '--pack-destination', packages, ...packed)
  archives = readdirSync(packages).map(name => join(packages, name))
  assert.equal(archives.length, packed.length)
})
after(() => site[Symbol.dispose]())

/** Directories of all that the package needs when it is installed: from the registry once, and not again by each test. */
function dependencies(): string[] {
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>
  }
  return Object.entries(lock.packages).flatMap(([path, { dev }]) => (path === '' || dev ? [] : [path]))
}

/** Runs npm on a Node, as if nothing had ever been installed by it. */
function npm(node: string, cwd: string, ...args: string[]): string {
  const env = { PATH: process.env.PATH, HOME: site.directory, npm_config_cache: site.path('npm-cache') }
  return execFileSync(node, [join(modules, 'npm/bin/npm-cli.js'), '--offline', '--ignore-scripts', ...args], {
    cwd,
    env,
    encoding: 'utf8',
  })
}

for (const version of ['22', '24', '26'])
  test(`on Node ${version}`, async () => {
    const node = version === '26' ? process.execPath : join(modules, `node-${version}/bin/node`)
    assert.match(execFileSync(node, ['--version'], { encoding: 'utf8' }), new RegExp(`^v${version}\\.`))
    const directory = site.makeDirectory(`project-${version}`)
    writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }')
    npm(node, directory, 'install', '--engine-strict', '--no-audit', '--no-fund', ...archives)
    mkdirSync(join(directory, 'src'))
    cpSync(join(examples, 'code-runner'), join(directory, 'src'), { recursive: true })
    assert.equal(await answerOf(node, join(directory, 'src')), 'desserts\n')
    for (const program of ['utsuwa', 'utsuwa-oci']) {
      const env = { PATH: `${dirname(node)}:${process.env.PATH}` }
      const printed = execFileSync(join(directory, 'node_modules/.bin', program), ['--version'], {
        env,
        encoding: 'utf8',
      })
      assert.match(printed, /0\.1\.0/)
    }
    site.assertNoContainers()
  })

/** What the service prints for a snippet; it has ended then. */
async function answerOf(node: string, directory: string): Promise<string> {
  const service = site.start('main.ts', ['--image', 'snippets', '--port', '0', '--waiting', '1'], { node, directory })
  let complaints = ''
  service.stderr.setEncoding('utf8').on('data', text => {
    complaints += text
  })
  const ended = once(service, 'close')
  try {
    const lines = createInterface(service.stdout)[Symbol.asyncIterator]()
    const { value: first = '' } = await lines.next()
    assert.match(first, /^listening on /, complaints)
    const body = JSON.stringify({ language: 'python', source: 'print(input()[::-1])', stdin: 'stressed' })
    const response = await fetch(`${first.replace('listening on ', '')}/run`, { method: 'POST', body })
    return ((await response.json()) as { stdout: string }).stdout
  } finally {
    service.kill('SIGTERM')
    await ended
  }
}

// There is no package of a Node for musl to install it with. Its loader would refuse the addon; npm refuses before.
test('not on musl, and npm says so', () => {
  const require = createRequire(join(modules, 'npm/package.json'))
  const { checkPlatform } = require('npm-install-checks') as {
    checkPlatform(target: unknown, force: boolean, environment: Record<string, string>): void
  }
  const manifest: unknown = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  checkPlatform(manifest, false, { libc: 'glibc' })
  assert.throws(() => checkPlatform(manifest, false, { libc: 'musl' }), { code: 'EBADPLATFORM' })
})
