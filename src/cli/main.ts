/** `utsuwa`: pull images and run containers, with the verbs and flags of docker and podman. */
import { CommanderError } from 'commander'
import { createProgram } from './program.ts'
import { reportError } from './report.ts'
import { plainSwitches } from './switches.ts'
import { writeAll } from './write.ts'

async function main(words: readonly string[]): Promise<void> {
  try {
    const program = await createProgram(words)
    if (words.length === 0) writeAll(1, program.helpInformation())
    else await program.parseAsync(plainSwitches(program, words), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return
    process.exitCode = reportError(error)
  }
}

void main(process.argv.slice(2))
