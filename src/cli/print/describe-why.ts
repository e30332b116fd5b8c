/** `why` for people. */
import type { Why } from '../../index.ts'
import { printable, shortId } from './format.ts'
import { hang, type TextScreen, wrap } from './text-screen.ts'

export function describeWhy(answer: Why, screen: TextScreen): string {
  const { code, confidence, summary, evidence, advice, output } = answer
  const { width, bold, dim } = screen
  const column = Math.max(...evidence.map(({ subject }) => subject.length), 0) + 2
  const sections: readonly (readonly [string, readonly string[]])[] = [
    [
      'EVIDENCE',
      evidence.flatMap(({ subject, text }) => hang(`  ${subject.padEnd(column)}`, readable(printable(text)), width)),
    ],
    ['IT PRINTED LAST', output.map(line => dim(`  | ${printable(line).slice(0, width - 4)}`))],
    ['WHAT TO CHANGE', advice.flatMap(text => hang('  • ', printable(text), width))],
  ]
  const lines = [
    ...wrap(printable(summary), width).map(bold),
    '',
    `${dim('cause')} ${code}, ${describeConfidence(confidence)}`,
    ...sections.flatMap(([title, body]) => (body.length === 0 ? [] : ['', dim(title), ...body])),
  ]
  return lines.map(line => `${line}\n`).join('')
}

/** Ids as short as everywhere, and places to break the lines of the kernel, which has commas alone. */
function readable(text: string): string {
  return text.replace(/\b[0-9a-f]{64}\b/g, shortId).replace(/,(?=[a-z])/g, ', ')
}

function describeConfidence(confidence: Why['confidence']): string {
  return confidence === 'certain'
    ? 'certain: the kernel or utsuwa itself says so'
    : 'likely: concluded from what follows'
}
