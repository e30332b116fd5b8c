/** The static programs; those that run inside containers must not load anything from there (docs/adr/0003-static-init.md). */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const built = join(import.meta.dirname, '../../build/native')

const readelf = (option: string, program: string): string =>
  execFileSync('readelf', ['--wide', option, join(built, program)], { encoding: 'utf8' })

for (const program of ['init', 'applier', 'monitor', 'reaper']) {
  test(`${program} is static: it has no interpreter and needs no library`, () => {
    assert.doesNotMatch(readelf('--program-headers', program), /INTERP/)
    assert.doesNotMatch(readelf('--dynamic', program), /\(NEEDED\)|\(RPATH\)|\(RUNPATH\)/)
  })

  test(`${program} is position independent`, () => {
    assert.match(readelf('--file-header', program), /Type:\s+DYN/)
  })
}

for (const object of ['init', 'applier', 'monitor', 'reaper', 'libutsuwa.so', 'utsuwa.node']) {
  test(`${object} has no segment that is writable and executable, and its stack is not executable`, () => {
    const segments = readelf('--program-headers', object)
    assert.match(segments, /GNU_STACK.*RW /)
    assert.doesNotMatch(segments, /RWE/)
  })

  test(`${object} resolves its symbols at start and makes the table read-only`, () => {
    assert.match(readelf('--program-headers', object), /GNU_RELRO/)
    assert.match(readelf('--dynamic', object), /BIND_NOW|\bNOW\b/)
  })
}

test('the addon finds libutsuwa.so beside itself', () => {
  assert.match(readelf('--dynamic', 'utsuwa.node'), /\(RUNPATH\)\s+Library runpath: \[\$ORIGIN\]/)
})
