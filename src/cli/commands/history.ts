import type { Command } from 'commander'
import { type HistoryEntry, history, inspectImage } from '../../index.ts'
import { addListFlags, type ListFlags, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { formatAge, formatSize, printable, shortId, truncate } from '../print/format.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'

interface HistoryFlags extends ListFlags {
  /** Negated flag: false when given. */
  readonly trunc: boolean
}

const STEP_WIDTH = 45

export const examples = ['utsuwa history alpine']

export function define(command: Command): void {
  addListFlags(command)
    .argument('<IMAGE>', 'name, id or its beginning')
    .option('--no-trunc', 'ids and steps in full')
    .action(async (name: string, flags: HistoryFlags) => {
      const steps = await history(name, rootsOf(command))
      const { id } = await inspectImage(name, rootsOf(command))
      // Only the last step has an image of its own: the others exist as layers alone.
      const ids = steps.map((_, index) => (index > 0 ? '<missing>' : flags.trunc ? shortId(id) : id))
      if (flags.quiet) writeAll(1, ids.map(text => `${text}\n`).join(''))
      else if (!printedAsJson(flags, steps)) writeAll(1, table(steps, ids, flags, Date.now()))
    })
}

function table(steps: readonly HistoryEntry[], ids: readonly string[], { trunc }: HistoryFlags, now: number): string {
  return formatTable(
    ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'],
    steps.map(({ created, createdBy, size, comment }, index) => {
      const step = printable(createdBy.replaceAll(/\s+/g, ' '))
      return [
        ids[index]!,
        formatAge(created, now),
        trunc ? truncate(step, STEP_WIDTH) : step,
        formatSize(size),
        printable(comment),
      ]
    }),
  )
}
