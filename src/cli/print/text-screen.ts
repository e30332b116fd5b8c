/** Paragraphs and headings for people: wrapped at the width of their terminal, with weight where it can be shown. */
import { styleText } from 'node:util'
import { hasColor } from './terminal-style.ts'

const DEFAULT_WIDTH = 100
const MIN_WIDTH = 40

export interface TextScreen {
  /** Columns. */
  readonly width: number
  bold(text: string): string
  dim(text: string): string
}

/** Long lines are hard to read: no more than 100 columns, however wide the terminal is. */
export function screenOf(stream: NodeJS.WriteStream): TextScreen {
  const isPlain = !stream.isTTY || !hasColor()
  const style = (format: 'bold' | 'dim') => (text: string) =>
    isPlain ? text : styleText(format, text, { validateStream: false })
  return {
    width: Math.max(MIN_WIDTH, Math.min(stream.columns || DEFAULT_WIDTH, DEFAULT_WIDTH)),
    bold: style('bold'),
    dim: style('dim'),
  }
}

/** A text without marks in lines of at most `width` columns; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}

/** A text behind a label; further lines begin below its own first. */
export function hang(label: string, text: string, width: number): string[] {
  const indent = ' '.repeat(label.length)
  return wrap(text, width - label.length).map((line, index) => (index === 0 ? label : indent) + line)
}
