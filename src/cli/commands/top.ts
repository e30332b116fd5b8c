import type { Command } from 'commander'
import { containerProcesses } from '../../index.ts'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { printable } from '../print/format.ts'
import { processTable } from '../print/processes.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa top web', 'utsuwa top web -o pid,rss,comm']

export function define(command: Command): void {
  addFormatFlag(command)
    .argument('<CONTAINER>', 'name, id or its beginning')
    .argument('[PS-OPTION...]', 'for ps(1) (default: -ef)')
    .passThroughOptions()
    .action(async (name: string, options: string[], flags: FormatFlags) => {
      const pids = containerProcesses(name, rootsOf(command))
      const { header, rows } = await processTable(pids, options)
      const titles = header.trim().split(/\s+/)
      const objects = rows.map(row =>
        Object.fromEntries(cellsOf(row, titles.length).map((cell, at) => [titles[at], cell])),
      )
      if (!printedAsJson(flags, objects)) writeAll(1, [header, ...rows].map(line => `${printable(line)}\n`).join(''))
    })
}

/** Only the last column of ps(1), the command, has spaces in it. */
function cellsOf(row: string, columns: number): string[] {
  const words = row.trim().split(/\s+/)
  return [...words.slice(0, columns - 1), words.slice(columns - 1).join(' ')]
}
