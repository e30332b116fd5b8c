/** utsuwa(1) says what the help says: every command with its summary and its flags, and no others. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { Command } from 'commander'

const root = join(import.meta.dirname, '../../..')
const main = readFileSync(join(root, 'src/cli/main.ts'), 'utf8')

/** The page without what is for troff, by its sections: a command, or `GLOBAL FLAGS`. */
const sections = new Map(
  readFileSync(join(root, 'docs/man/utsuwa.1'), 'utf8')
    .replaceAll(/\\f[BIR]/g, '')
    .replaceAll('\\-', '-')
    .replaceAll('\\(aq', "'")
    .split(/^\.S[HS] /m)
    .map(text => [text.slice(0, text.indexOf('\n')), text] as const),
)

/** Each as `flags\nhelp`, as in the page. */
function flagsOf(section: string): string[] {
  return [...(sections.get(section) ?? '').matchAll(/^\.TP\n(-.*)\n(.*)$/gm)].map(
    ([, flags, help]) => `${flags}\n${help}`,
  )
}

const modules = readdirSync(join(root, 'src/cli/commands')).filter(file => file.endsWith('.ts'))

for (const file of modules) {
  const name = basename(file, '.ts')
  test(`${name}: the page has its summary and its flags`, async () => {
    const { define } = (await import(join(root, 'src/cli/commands', file))) as { define(command: Command): void }
    const command = new Command(name)
    define(command)
    const summary = new RegExp(`\\b${name}: \\{\\s*summary: '([^']+)'`).exec(main)?.[1]
    assert.ok(summary !== undefined)
    assert.ok(sections.get(`utsuwa ${name}`)?.includes(`\n${summary}`))
    const expected = command.options.map(({ flags, description }) => `${flags}\n${description}`)
    assert.deepEqual(flagsOf(`utsuwa ${name}`), expected)
  })
}

test('the page has no command that is not there, and the global flags', () => {
  const commands = [...sections.keys()].filter(section => section.startsWith('utsuwa '))
  assert.deepEqual(commands.sort(), modules.map(file => `utsuwa ${basename(file, '.ts')}`).sort())
  const global = [...main.matchAll(/\.option\('([^']+)', '([^']+)'\)/g)].map(([, flags, help]) => `${flags}\n${help}`)
  assert.deepEqual(flagsOf('GLOBAL FLAGS').slice(0, global.length), global)
})
