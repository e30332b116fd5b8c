/**
 * What the config of an image asks for: variables of the host (podman CVE-2026-57231), a working directory by links
 * (podman CVE-2026-55686).
 *
 * Seen to fail with the image's variables looked up as the caller's are (src/options/env.ts): the container had the
 * host's. With RESOLVE_IN_ROOT taken out of native/path.c no container of these starts, as its mounts already end
 * outside; working directories are made after pivot_root, when no path leads to the host, and the tests hold that to it.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { load, type RunOptions, run } from '../../src/index.ts'
import { openWorkplace } from '../support/command-line.ts'
import { buildBusyboxImage, type TestImageConfig } from '../support/image-builder.ts'
import type { TarEntry } from '../support/tar-writer.ts'

const workplace = openWorkplace()
after(() => workplace[Symbol.dispose]())
const { directory, runRoot } = workplace
const root = join(directory, 'store')
const outside = join(directory, 'outside')
mkdirSync(outside)

let images = 0

/** Runs an image of that config, and of busybox. @returns what it printed */
async function runImage(
  image: { config?: TestImageConfig; layers?: TarEntry[][] },
  options: Partial<RunOptions>,
): Promise<string> {
  const dir = join(directory, `layout-${images++}`)
  await buildBusyboxImage({ dir, tag: 'hostile', ...image })
  const [loaded] = await load(dir, { root })
  const { stdout, exitCode } = await run({ image: loaded!, root, runRoot, stdio: 'capture', ...options })
  assert.equal(exitCode, 0)
  return stdout!
}

test('variables that the image names without a value are not those of the host', async () => {
  process.env.UTSUWA_SECRET = 'of the host'
  after(() => delete process.env.UTSUWA_SECRET)
  const Env = ['UTSUWA_SECRET', 'UTSUWA_*', '*', 'PATH=/bin']
  const printed = await runImage({ config: { Env } }, { args: ['env'] })
  assert.doesNotMatch(printed, /of the host/)
  assert.match(printed, /^PATH=\/bin$/m)
  // What the caller asks for is another matter.
  assert.match(await runImage({ config: { Env } }, { args: ['env'], env: ['UTSUWA_SECRET'] }), /of the host/)
})

const up = '../'.repeat(20)
const links: TarEntry[] = [
  { path: 'absolute', type: '2', linkpath: outside },
  { path: 'relative', type: '2', linkpath: `${up}${outside.slice(1)}` },
]

for (const [what, WorkingDir] of Object.entries({
  'a link': '/absolute/made',
  'a link that goes up': '/relative/made',
  'a name that goes up': `/absolute/${up}${outside.slice(1)}/made`,
}))
  test(`a working directory by ${what} is made inside`, async () => {
    const printed = await runImage({ config: { WorkingDir, User: '1234:1234' }, layers: [links] }, { args: ['pwd'] })
    assert.equal(printed, `${outside}/made\n`)
    assert.deepEqual(readdirSync(outside), [])
  })
