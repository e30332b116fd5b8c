/** examples/build-step: a compiler from an image over a checkout. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chownSync, cpSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { compilerRoot } from '../../support/debian-root.ts'
import { ExampleSite } from './support.ts'

const site = new ExampleSite()
before(async () => site.importImage(await compilerRoot(), 'gcc'))
after(() => site[Symbol.dispose]())

const hello = join(import.meta.dirname, '../../../examples/build-step/hello')

const build = (source: string, output: string, ...command: string[]) =>
  site.run('build-step/main.ts', ['--image', 'gcc', '--source', source, '--output', output, '--', ...command])

test('builds the same program from two checkouts, for whom the output belongs to', async () => {
  const programs = []
  for (const name of ['one', 'two']) {
    const [source, output] = [site.path(`source-${name}`), site.makeDirectory(`output-${name}`)]
    cpSync(hello, source, { recursive: true })
    chownSync(output, 1234, 1234)
    assert.deepEqual(await build(source, output, 'sh', 'build.sh'), { status: 0, stdout: '', stderr: '' })
    assert.deepEqual(readdirSync(output), ['hello'])
    assert.equal(statSync(join(output, 'hello')).uid, 1234)
    assert.deepEqual(readdirSync(source).sort(), readdirSync(hello).sort())
    programs.push(join(output, 'hello'))
  }
  const [one, two] = programs.map(program => readFileSync(program))
  assert.ok(one!.equals(two!))
  const said = execFileSync(programs[0]!, ['reader'], { encoding: 'utf8' })
  assert.equal(said, 'hello reader, from greeting.c of Jan  1 1970\n')
  site.assertNoContainers()
})

test('says what the compiler says, and ends as it does', async () => {
  const source = site.makeDirectory('broken')
  cpSync(join(hello, 'build.sh'), join(source, 'build.sh'))
  cpSync(join(hello, 'main.c'), join(source, 'main.c'))
  const { status, stderr } = await build(source, site.makeDirectory('nothing'), 'sh', 'build.sh')
  assert.equal(status, 1)
  assert.match(stderr, /main\.c:1:10: fatal error: greeting\.h: No such file or directory/)
  assert.deepEqual(readdirSync(site.path('nothing')), [])
})

test('cannot change the checkout or the image, nor reach a network', async () => {
  const output = site.makeDirectory('attempts')
  const attempts = [
    'touch /source/file 2>&1 || true',
    'touch /usr/file 2>&1 || true',
    `python3 -c 'import socket; print(socket.if_nameindex())'`,
  ]
  const { status, stdout } = await build(hello, output, 'sh', '-c', attempts.join('; '))
  assert.equal(status, 0)
  assert.match(
    stdout,
    /^touch: .*'\/source\/file': Read-only.*\ntouch: .*'\/usr\/file': Read-only.*\n\[\(1, 'lo'\)\]\n$/,
  )
})
