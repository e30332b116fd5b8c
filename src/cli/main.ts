/** `utsuwa`: pull images and run containers, with the verbs and flags of docker and podman. */
import { CommanderError } from 'commander'
import { plainSwitches } from './flags/switches.ts'
import { reportError } from './print/report.ts'
import { writeAll } from './print/write.ts'
import { createProgram } from './program.ts'

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
