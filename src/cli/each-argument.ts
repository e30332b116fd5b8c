import { reportError } from './report.ts'

/** Goes on after an argument that fails; the exit status then says that one did. */
export async function forEachArgument(names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
  for (const name of names) {
    try {
      await act(name)
    } catch (error) {
      process.exitCode = reportError(error)
    }
  }
}
