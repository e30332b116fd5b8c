/** Questions on a terminal. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { writeAll } from '../print/write.ts'

/** Asks only somebody who is there to answer: a script means what it says. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return true
  return /^y(es)?$/i.test((await prompt(`${question} [y/N] `)).trim())
}

/** Asks on standard error, because standard output is for the result. @param secret is not shown as it is typed */
export async function prompt(question: string, { secret = false }: { secret?: boolean } = {}): Promise<string> {
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!secret) writeAll(2, chunk)
      done()
    },
  })
  const lines = createInterface({ input: process.stdin, output, terminal: true })
  // Now that the terminal echoes nothing more.
  if (secret) writeAll(2, question)
  // Else Ctrl-C would only end the question.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return await lines.question(secret ? '' : question)
  } finally {
    lines.close()
    if (secret) writeAll(2, '\n')
  }
}
