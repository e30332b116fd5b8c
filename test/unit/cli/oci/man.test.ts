/** Man pages say what the help says: a page for each command, with its flags and no others. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { commands } from '../../../../src/cli/oci/commands.ts'
import type { FlagTable } from '../../../../src/cli/oci/flags.ts'
import { helpFlags } from '../../../../src/cli/oci/global-flags.ts'

const directory = join(import.meta.dirname, '../../../../docs/man')

/** Text of a page without what is for troff. */
function readPage(name: string): string {
  return readFileSync(join(directory, `${name}.8`), 'utf8')
    .replaceAll(/\\f[BIR]/g, '')
    .replaceAll('\\-', '-')
    .replaceAll('\\(aq', "'")
}

test('there is a page for each command, and for nothing else', () => {
  const pages = readdirSync(directory).filter(name => name.startsWith('utsuwa-oci-'))
  assert.deepEqual(
    pages.sort(),
    Object.keys(commands)
      .map(name => `utsuwa-oci-${name}.8`)
      .sort(),
  )
  const overview = readPage('utsuwa-oci')
  for (const name of Object.keys(commands)) assert.match(overview, new RegExp(`^${name}\t`, 'm'))
})

for (const [name, { summary, flags }] of Object.entries(commands))
  test(`${name}: the page has the summary and the flags of the help`, () => {
    const page = readPage(`utsuwa-oci-${name}`)
    assert.ok(page.includes(`utsuwa-oci-${name} - ${summary}\n`))
    const described = [...page.matchAll(/^\.TP\n(--.*)\n(.*)$/gm)].map(([, names, help]) => `${names}\n${help}`)
    const all: FlagTable = { ...flags, ...helpFlags }
    const expected = Object.entries(all).map(([flag, { short, value, help }]) => {
      const names = [`--${flag}`, ...(short === undefined ? [] : [`-${short}`])]
      return `${names.map(each => (value === undefined ? each : `${each} ${value}`)).join(', ')}\n${help}`
    })
    assert.deepEqual(described, expected)
  })
