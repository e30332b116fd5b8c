/** buildah, which calls create, start, state, kill and delete itself. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { type Outcome, runtimePath, Workshop } from './engine.ts'

const workshop = new Workshop()
const roots = ['--root', workshop.path('store'), '--runroot', workshop.path('run'), '--storage-driver', 'overlay']
const buildah = (...args: string[]): Promise<Outcome> => workshop.run(['buildah', ...roots, ...args])
const isolation = ['--runtime', runtimePath, '--isolation', 'oci', '--network', 'none']
let image = ''

before(async () => {
  image = `oci:${await workshop.image()}:latest`
})

after(async () => {
  await buildah('rm', '--all')
  await workshop[Symbol.asyncDispose]()
})

test('run: output, exit status, a terminal', async () => {
  const from = await buildah('from', '--quiet', image)
  assert.equal(from.status, 0, from.output)
  const container = from.output.trim()
  const { status, output } = await buildah('run', ...isolation, container, 'sh', '-c', 'echo hello; exit 7')
  assert.equal(status, 7)
  assert.match(output, /^hello\n/)
  const missing = await buildah('run', ...isolation, container, 'nosuch')
  assert.match(missing.output, /executable file not found in \$PATH/)
  const terminal = ['buildah', ...roots, 'run', '--tty', ...isolation, container, 'sh', '-c', 'tty; exit 3']
  const inTerminal = await workshop.runInTerminal(terminal)
  assert.equal(inTerminal.status, 3, inTerminal.output)
  assert.match(inTerminal.output, /\/dev\/pts\/0/)
})

test('bud: a Dockerfile', async () => {
  const file = workshop.path('Dockerfile')
  writeFileSync(file, `FROM ${image}\nRUN echo built >/etc/built && id -u\n`)
  const { status, output } = await buildah('bud', ...isolation, '--tag', 'built', '--file', file, workshop.directory)
  assert.equal(status, 0, output)
  assert.match(output, /^0$/m)
})
