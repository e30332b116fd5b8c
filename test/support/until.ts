/** Waiting for what another process does. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Generous, since the machine may be slow. */
const DEADLINE_MS = 60_000
const POLL_MS = 50

/**
 * Resolves with the first answer that is true.
 * @param what for the error when there is none within a minute
 * @param instead what there was, for the same
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  instead?: () => string,
): Promise<T> {
  for (const end = Date.now() + DEADLINE_MS; Date.now() < end; await sleep(POLL_MS)) {
    const found = await look()
    if (found) return found
  }
  throw new Error(`not within ${DEADLINE_MS / 1000} s: ${what}${instead ? `; instead: ${instead()}` : ''}`)
}
