/** The man pages of utsuwa say what the help says. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { commands } from '../../../src/cli/commands.ts'
import { manPages } from '../../../tools/man-pages.ts'

const root = join(import.meta.dirname, '../../..')
const pages = await manPages()

for (const [file, text] of pages)
  test(`${file} is what make man writes`, () => {
    assert.equal(readFileSync(join(root, 'docs/man', file), 'utf8'), text, 'type: make man')
  })

test('there is no page of utsuwa beside them', () => {
  const there = readdirSync(join(root, 'docs/man')).filter(file => file.endsWith('.1'))
  assert.deepEqual(there.sort(), [...pages.keys()].sort())
})

test('there is an entry for each module of a command, and the other way round', () => {
  const modules = readdirSync(join(root, 'src/cli/commands')).flatMap(file => /^(.*)\.ts$/.exec(file)?.[1] ?? [])
  assert.deepEqual(modules.sort(), Object.keys(commands).sort())
})

for (const [name, { load }] of Object.entries(commands))
  test(`${name} has an example to type`, async () => {
    const { examples } = await load()
    assert.ok(examples.length > 0 && examples.every(line => /\butsuwa\b/.test(line)))
  })
