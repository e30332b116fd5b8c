/** The examples of docs/library.md: each runs, and prints what it says that it prints. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { readCgroupHierarchy } from '../../../src/cgroup/hierarchy.ts'
import { importImage } from '../../../src/index.ts'
import { busyboxEntries } from '../../support/image-builder.ts'
import { writeTar } from '../../support/tar-writer.ts'

const project = join(import.meta.dirname, '../../..')
const directory = mkdtempSync(join(tmpdir(), 'utsuwa-docs-'))
const [store, runRoot] = [join(directory, 'store'), join(directory, 'run')]

before(async () => {
  for (const path of [runRoot, '/var/lib/utsuwa', '/run/utsuwa']) mkdirSync(path, { recursive: true })
  const archive = [writeTar(await busyboxEntries())]
  await importImage(
    (async function* () {
      yield* archive
    })(),
    { root: store, name: 'busybox' },
  )
})
after(() => rmSync(directory, { recursive: true, force: true }))

interface Example {
  readonly title: string
  readonly code: string
}

/** Each with the heading that it stands below. */
function examplesOf(markdown: string): Example[] {
  return markdown.split(/^## /m).flatMap(section => {
    const heading = section.slice(0, section.indexOf('\n'))
    return [...section.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code], index) => ({
      title: index === 0 ? heading : `${heading}, ${index + 1}`,
      code: code!,
    }))
  })
}

/** The words behind `console.log(…) //`, in order. */
const printedBy = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].flatMap(([, text]) => text!.split(' '))

/** Where an example looks for images and containers, there are those of this test, in a mount namespace of its own. */
async function execute(code: string): Promise<string> {
  const file = join(directory, 'example.ts')
  const url = (path: string): string => pathToFileURL(join(project, path)).href
  writeFileSync(
    file,
    code
      .replace("'utsuwa'", `'${url('src/index.ts')}'`)
      .replace("'utsuwa/testing'", `'${url('src/testing/index.ts')}'`),
  )
  const script = 'mount --bind "$1" /var/lib/utsuwa && mount --bind "$2" /run/utsuwa && exec "$3" "$4"'
  const words = ['--mount', 'sh', '-c', script, 'sh', store, runRoot, process.execPath, file]
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return (await promisify(execFile)('unshare', words, { env, timeout: 120_000 })).stdout
}

const examples = examplesOf(readFileSync(join(project, 'docs/library.md'), 'utf8'))

test('the examples are there to be run', () => assert.ok(examples.length > 10))

const hasLimits = readCgroupHierarchy().mode === 'unified'

for (const { title, code } of examples) {
  const skip = !hasLimits && /\b(memory|cpus|pids|limits):/.test(code) && 'limits take a pure cgroup v2 hierarchy'
  test(title, { skip }, async () => {
    const stdout = await execute(code)
    const words = printedBy(code)
    if (words.length > 0) assert.deepEqual(stdout.trim().split(/\s+/), words)
    else assert.match(stdout, /pass 1\b/, stdout)
  })
}
