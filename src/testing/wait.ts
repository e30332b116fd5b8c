/** When a container of a test counts as ready. */
import { setTimeout as sleep } from 'node:timers/promises'
import { linesOf } from '../engine/streams/process-streams.ts'
import { type Container, UtsuwaError } from '../index.ts'
import type { Channel, Logs } from './logs.ts'

/** What a strategy looks at. */
export interface Startup {
  readonly container: Container
  readonly logs: Logs
  /** Fires when nobody waits any more. */
  readonly signal: AbortSignal
}

/** Resolves when the container is ready. */
export type WaitStrategy = (startup: Startup) => Promise<void>

const RETRY_MS = 100

/** The strategies that there are. */
export const Wait = {
  /**
   * Until it has printed a line that contains the text or matches.
   * @param times how many such lines there must be. Default: 1
   */
  forLogMessage(message: string | RegExp, times = 1): WaitStrategy {
    const matches = (line: string): boolean =>
      typeof message === 'string' ? line.includes(message) : line.search(message) >= 0
    return async ({ logs, signal }) => {
      let left = times
      const look = async (channel: Channel): Promise<void> => {
        const stream = logs.stream(channel)
        signal.addEventListener('abort', () => stream.destroy(), { once: true })
        for await (const line of linesOf(stream)) if (matches(line) && --left <= 0) return
        // It may be the other one that says it.
        if (left > 0) await new Promise<never>(() => undefined)
      }
      await Promise.race([look('stdout'), look('stderr')])
    }
  },

  /** Until a command in it exits with 0. Text is given to `sh -c`. */
  forSuccessfulCommand(command: string | readonly string[]): WaitStrategy {
    const args = typeof command === 'string' ? ['sh', '-c', command] : command
    return async ({ container, signal }) => {
      for (;;) {
        const { exitCode } = await container.exec(args, { stdio: 'ignore', signal })
        if (exitCode === 0) return
        await sleep(RETRY_MS, undefined, { signal })
      }
    }
  },

  /** Until it has ended by itself, with exit code 0. */
  forOneShotStartup(): WaitStrategy {
    return async ({ container }) => {
      const { exitCode } = await container.wait()
      if (exitCode !== 0) throw new UtsuwaError('CONTAINER_NOT_RUNNING', `it ended with exit code ${exitCode}`)
    }
  },

  /** Until all of them are satisfied. */
  forAll(strategies: readonly WaitStrategy[]): WaitStrategy {
    return async startup => {
      await Promise.all(strategies.map(strategy => strategy(startup)))
    }
  },
} as const
