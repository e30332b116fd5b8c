/** `run`: create, start, wait. */
import type { Container } from './container.ts'
import { type CreateOptions, create } from './managed.ts'
import type { RunResult } from './outcome.ts'

/** Options of `run`. */
export interface RunOptions extends CreateOptions {
  /** Told when the command runs, to write to its streams or signal it. */
  readonly onStart?: (container: Container) => void
}

/**
 * Runs a command in a new container and waits for its end.
 *
 * @throws UtsuwaError when it could not be run; a command that fails is a result, not an error
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const container = await create({ removeOnExit: true, ...options })
  try {
    await container.start()
    options.onStart?.(container)
  } catch (error) {
    await container.delete()
    throw error
  }
  return container.wait()
}
