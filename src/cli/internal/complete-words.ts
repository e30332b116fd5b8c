import type { Command } from 'commander'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'
import { complete } from './complete.ts'

/** What the functions of shells ask: a line `WORD<TAB>HELP` for each candidate, and `:files` where files fit as well. */
export function define(command: Command): void {
  command
    .argument('[WORD...]')
    .passThroughOptions()
    .action(async (words: string[]) => {
      const { candidates, files } = await complete(command.parent!, words, rootsOf(command))
      writeAll(1, candidates.map(({ word, help }) => `${word}\t${help}\n`).join(''))
      if (files) writeAll(1, ':files\n')
    })
}
