/** Markdown is wrapped by one rule, that of tools/wrap-markdown.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wrapMarkdown } from '../../tools/wrap-markdown.ts'
import { projectFiles, readText } from './source-files.ts'

const words = (count: number): string => Array.from({ length: count }, (_, index) => `word${index}`).join(' ')

/** Not wrapped yet. */
const others = ['CHANGELOG.md', 'docs/library.md', 'docs/docker-compat.md']

for (const file of projectFiles().filter(file => file.endsWith('.md') && !others.includes(file)))
  test(`${file} is wrapped`, () => {
    const text = readText(file)
    assert.equal(wrapMarkdown(text), text, `type: node tools/wrap-markdown.ts ${file}`)
  })

test('a paragraph is filled to 120 columns, and one that is filled stays as it is', () => {
  const wrapped = wrapMarkdown(`${words(12)}\n${words(30)}\n`)
  assert.ok(wrapped.split('\n').every(line => line.length <= 120))
  assert.equal(wrapped.replaceAll('\n', ' ').trim(), `${words(12)} ${words(30)}`)
  assert.equal(wrapMarkdown(wrapped), wrapped)
})

test('list items hang by their mark, also nested ones, and keep their further paragraphs', () => {
  const [first, second] = [words(20), words(25)]
  const lines = wrapMarkdown(`- ${first}\n  1. ${second}\n\n  ${first}\n`).split('\n')
  assert.match(lines[0]!, /^- word0/)
  assert.match(lines[1]!, /^ {2}word/)
  assert.match(lines[2]!, /^ {2}1\. word0/)
  assert.match(lines[3]!, /^ {5}word/)
  assert.match(lines.at(-3)!, /^ {2}word0/)
})

for (const [what, text] of [
  ['tables', `| ${words(40)} |\n|---|\n| ${words(40)} |`],
  ['front matter', '---\nname: one\nabout: two\n---\n\ntext'],
  ['headings', `# ${words(40)}`],
  ['fenced code, also in a list', `- item\n\n  \`\`\`sh\n  ${words(40)}\n\n  a\n  b\n  \`\`\``],
  ['indented code', `text\n\n    ${words(40)}\n      more`],
  ['hard breaks', 'one  \ntwo\\\nthree'],
] as const)
  test(`${what} stay as they are`, () => assert.equal(wrapMarkdown(text), text))

test('code spans and links are not broken', () => {
  for (const piece of ['`a b c d e f g h i j k l m n o p q r s t`', `[${words(20)}](target)`])
    assert.ok(
      wrapMarkdown(`${words(16)} ${piece} ${words(3)}`)
        .split('\n')
        .some(line => line.includes(piece)),
    )
})

test('no line begins with what would be markup there', () => {
  for (const mark of ['-', '+', '#', '1.', '>', '|'])
    for (let length = 100; length < 120; length++) {
      const lines = wrapMarkdown(`${'x'.repeat(length - 20)} ${'y'.repeat(19)} ${mark} ${words(9)}`).split('\n')
      assert.ok(lines.length > 1 && lines.every(line => !line.startsWith(mark)), lines.join('\n'))
    }
})
