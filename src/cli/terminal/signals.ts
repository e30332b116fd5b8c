/** Signals that reach the command are meant for the container that runs in its foreground. */

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

/** Passes them on until disposed of; before and after they do what they do to any process. */
export function forwardSignals(send: (signal: NodeJS.Signals) => void): Disposable {
  for (const signal of FORWARDED_SIGNALS) process.on(signal, send)
  return {
    [Symbol.dispose]: () => {
      for (const signal of FORWARDED_SIGNALS) process.off(signal, send)
    },
  }
}
