/**
 * Wraps the prose of Markdown files: `node tools/wrap-markdown.ts FILE…` writes them anew, and a test compares.
 *
 * Paragraphs and list items are filled to 120 columns. Tables, code, headings, front matter and whatever else depends on
 * its lines stay as they are; code spans and links are not broken, so a line may be longer where one is.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const WIDTH = 120

/** What is kept together: words, with the code spans and links in them. */
const WORDS = /(?:`+[^`]*`+|!?\[[^\]]*\]\([^)]*\)|\S)+/g

/** Words that would begin a list, a heading, a quotation, a table, a fence or an element, if a line began with them. */
const MARKUP = /^(?:[-*+]$|#{1,6}$|\d{1,9}[.)]$|=+$|-+$|[>|<]|```|~~~)/

const LIST_ITEM = /^ *(?:[-*+]|\d{1,9}[.)]) +(?=\S)/
/** Headings, tables, quotations, elements, rules, definitions of links. */
const AS_IT_IS = /^ *(?:#{1,6} |[|><]|(?:---|\*\*\*)$|\[[^\]]+\]: )/
const HARD_BREAK = /(?: {2}|\\)$/

/** A paragraph, or the first one of a list item. */
interface Paragraph {
  /** What its first line begins with; the others are indented by as much. */
  readonly prefix: string
  readonly lines: string[]
}

/** @returns the text with its paragraphs filled; wrapping it again changes nothing */
export function wrapMarkdown(text: string): string {
  const output: string[] = []
  let paragraph: Paragraph | undefined
  let fence: string | undefined
  /** Where the text of the list item begins that an indented line belongs to. */
  let listIndent = 0

  const end = (): void => {
    if (paragraph !== undefined) output.push(...fill(paragraph))
    paragraph = undefined
  }
  const keep = (line: string): void => {
    end()
    output.push(line)
  }

  const [frontMatter = ''] = /^---\n.*?\n---\n/s.exec(text) ?? []
  for (const line of text.slice(frontMatter.length).split('\n')) {
    const mark = /^ *(```+|~~~+)/.exec(line)?.[1]
    const indent = line.search(/\S/)
    const item = LIST_ITEM.exec(line)?.[0]
    if (fence !== undefined) {
      output.push(line)
      if (mark?.startsWith(fence)) fence = undefined
    } else if (mark !== undefined) {
      keep(line)
      fence = mark
    } else if (indent === -1) keep(line)
    else if (paragraph === undefined && indent >= listIndent + 4) keep(line)
    else if (item !== undefined) {
      end()
      listIndent = item.length
      paragraph = { prefix: item, lines: [line.slice(item.length)] }
    } else if (AS_IT_IS.test(line)) {
      keep(line)
      listIndent = 0
    } else if (paragraph !== undefined) paragraph.lines.push(line)
    else {
      if (indent < listIndent) listIndent = 0
      paragraph = { prefix: line.slice(0, indent), lines: [line] }
    }
  }
  end()
  return frontMatter + output.join('\n')
}

function fill({ prefix, lines }: Paragraph): string[] {
  // Their line breaks are part of what they say.
  if (lines.slice(0, -1).some(line => HARD_BREAK.test(line)))
    return lines.map((line, index) => (index === 0 ? prefix + line.trimStart() : line))
  const filled: string[] = []
  let current = ''
  for (const piece of piecesOf(lines)) {
    const isFull = current !== '' && prefix.length + [...current].length + 1 + [...piece].length > WIDTH
    if (isFull) filled.push(current)
    current = current === '' || isFull ? piece : `${current} ${piece}`
  }
  const hanging = ' '.repeat(prefix.length)
  return [...filled, current].map((line, index) => (index === 0 ? prefix : hanging) + line)
}

/** What a line may be broken between: words, each with those behind it that no line may begin with. */
function piecesOf(lines: readonly string[]): string[] {
  const pieces: string[] = []
  for (const word of lines
    .map(line => line.trim())
    .join(' ')
    .match(WORDS) ?? []) {
    const before = MARKUP.test(word) ? pieces.pop() : undefined
    pieces.push(before === undefined ? word : `${before} ${word}`)
  }
  return pieces
}

if (import.meta.main)
  for (const file of process.argv.slice(2)) {
    const text = readFileSync(file, 'utf8')
    const wrapped = wrapMarkdown(text)
    if (wrapped !== text) writeFileSync(file, wrapped)
  }
