/** Lines of the live view: pieces of text with a meaning, which a terminal with colours shows in colours. */

/** What a piece of text means. */
export type Tone = 'plain' | 'title' | 'quiet' | 'good' | 'warning' | 'bad'

export interface LineSpan {
  readonly text: string
  readonly tone: Tone
}

export type WatchLine = readonly LineSpan[]

/** Parameters of SGR (ECMA-48, 8.3.117). */
const codes: Readonly<Record<Tone, string>> = {
  plain: '',
  title: '1',
  quiet: '2',
  good: '32',
  warning: '33',
  bad: '31',
}

export function span(text: string, tone: Tone = 'plain'): LineSpan {
  return { text, tone }
}

export function lengthOf(line: WatchLine): number {
  return line.reduce((length, { text }) => length + text.length, 0)
}

/** @returns the line as a terminal takes it, cut to `width` columns */
export function renderLine(line: WatchLine, width: number, color: boolean): string {
  let left = width
  let rendered = ''
  for (const { text, tone } of line) {
    const part = text.slice(0, left)
    left -= part.length
    const code = color ? codes[tone] : ''
    rendered += code === '' || part === '' ? part : `\u001B[${code}m${part}\u001B[0m`
  }
  return rendered
}
