import type { Command } from 'commander'
import type { Roots } from '../../index.ts'

/** What `--root` and `--run-root` say. */
export function rootsOf(command: Command): Roots {
  const { root, runRoot } = command.optsWithGlobals<Roots>()
  return { ...(root === undefined ? {} : { root }), ...(runRoot === undefined ? {} : { runRoot }) }
}
