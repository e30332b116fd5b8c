/** `run`: create, start, wait. */

import { keepsUnstarted } from '../end/keep-ended.ts'
import type { Container } from './container.ts'
import { type CreateOptions, create } from './create.ts'
import type { RunResult } from './result.ts'

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
  const asked = { removeOnExit: true, ...options }
  const container = await create(asked)
  let started = false
  try {
    await container.start()
    started = true
    options.onStart?.(container)
  } catch (error) {
    // Why it does not run is what the caller has to hear.
    if (started || !keepsUnstarted(asked)) await container.delete().catch(options.onWarning ?? (() => undefined))
    throw error
  }
  return container.wait()
}
