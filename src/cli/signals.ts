/** Signals that reach the command are meant for the container that runs in its foreground. */
import { constants as osConstants } from 'node:os'
import { sys } from '../sys/index.ts'

/**
 * Not SIGCHLD and SIGPIPE, which are about ourselves, nor SIGWINCH, which the terminal answers. SIGTSTP stops the
 * command and not the container, as docker has it.
 */
export const FORWARDED_SIGNALS = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
] as const

/** Passes signals on to the process behind a pidfd, until disposed of. */
export function forwardSignals(pidfd: number): Disposable {
  const forward = (signal: NodeJS.Signals): void => {
    sys.pidfdSendSignal(pidfd, osConstants.signals[signal])
  }
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward)
  return {
    [Symbol.dispose]: () => {
      for (const signal of FORWARDED_SIGNALS) process.off(signal, forward)
    },
  }
}
