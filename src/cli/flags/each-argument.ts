/** Commands that take several names. */
import { UtsuwaError } from '../../errors.ts'
import { reportError } from '../print/report.ts'
import { writeAll } from '../print/write.ts'

export interface EachOptions {
  /** How many are worked on at once. Default: 1, in the order of the names. */
  readonly atOnce?: number
}

/** For what waits for containers. */
export const MANY_AT_ONCE = 32

/** Goes on after an argument that fails; the exit status then says that one did. */
export async function forEachArgument(
  names: readonly string[],
  act: (name: string) => Promise<void>,
  { atOnce = 1 }: EachOptions = {},
): Promise<void> {
  const rest = names.values()
  const work = async (): Promise<void> => {
    for (const name of rest) {
      try {
        await act(name)
      } catch (error) {
        process.exitCode = reportError(error)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** The same, and prints each argument when it is done. */
export function printEach(
  names: readonly string[],
  act: (name: string) => unknown,
  options: EachOptions = {},
): Promise<void> {
  const print = async (name: string): Promise<void> => {
    await act(name)
    writeAll(1, `${name}\n`)
  }
  return forEachArgument(names, print, options)
}

/**
 * The ids of what there is for `--all`, else the names.
 * @throws UtsuwaError INVALID_ARGUMENT for neither or both
 */
export async function namesOrAll(
  names: readonly string[],
  all: boolean,
  list: () => Promise<readonly { readonly id: string }[]>,
): Promise<readonly string[]> {
  if (all !== (names.length === 0))
    throw new UtsuwaError('INVALID_ARGUMENT', all ? 'give names or --all' : 'give the name of a container, or --all', {
      hint: 'utsuwa ps',
    })
  return all ? (await list()).map(({ id }) => id) : names
}
