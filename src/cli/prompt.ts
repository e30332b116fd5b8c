/** Questions on a terminal. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { writeAll } from './write.ts'

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
