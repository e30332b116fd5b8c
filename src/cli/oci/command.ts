/** What a command of `utsuwa-oci` is made of. */
import type { CgroupManager } from '../../runtime/index.ts'
import { type FlagTable, type FlagValues, type ParseOptions, usageError } from './flags.ts'
import type { Log } from './log.ts'

/** What the global flags say. */
export interface Context {
  /** Directory that holds a directory for each container. */
  readonly stateRoot: string
  readonly cgroupManager: CgroupManager
  readonly log: Log
}

export interface Command<Table extends FlagTable = FlagTable> extends ParseOptions {
  readonly summary: string
  /** The positional arguments as the help shows them: `ID [SIGNAL]`. */
  readonly usage: string
  /** How many positional arguments, at least and at most. */
  readonly arguments: readonly [number, number]
  readonly flags: Table
  /** @returns the exit status */
  run(flags: FlagValues<Table>, args: readonly string[], context: Context): Promise<number>
}

/** Keeps the flags' types for `run`. */
export function defineCommand<const Table extends FlagTable>(command: Command<Table>): Command {
  return command as unknown as Command
}

/** @throws UtsuwaError INVALID_ARGUMENT when there are too few or too many positional arguments */
export function checkCount(name: string, { arguments: [least, most] }: Command, given: number): void {
  if (given >= least && given <= most) return
  const wanted =
    least === most
      ? `exactly ${least}`
      : most === Number.POSITIVE_INFINITY
        ? `a minimum of ${least}`
        : `${least} to ${most}`
  throw usageError(`${JSON.stringify(name)} requires ${wanted} argument(s)`)
}
