import { type Command, InvalidArgumentError } from 'commander'
import { logBlocks } from '../../index.ts'
import { parseMoment } from '../flags/moment.ts'
import { rootsOf } from '../flags/roots.ts'
import { LogPrinter } from '../print/log-printer.ts'
import { writeAll } from '../print/write.ts'

interface LogsFlags {
  readonly follow?: boolean
  readonly since?: Date
  readonly tail: number | 'all'
  readonly timestamps?: boolean
  readonly until?: Date
}

export const examples = ['utsuwa logs web', 'utsuwa logs -f --tail 10 web', 'utsuwa logs --since 10m -t web']

export function define(command: Command): void {
  command
    .argument('<CONTAINER>', 'name, id or its beginning')
    .option('-f, --follow', 'go on until it has ended')
    .option('--since <TIME>', 'nothing older: 2026-01-02T03:04:05Z, or 10m for ten minutes ago', moment)
    .option('-n, --tail <NUMBER>', 'only the last lines of what there is', parseTail, 'all')
    .option('-t, --timestamps', 'begin each line with its time')
    .option('--until <TIME>', 'nothing newer', moment)
    .action((name: string, flags: LogsFlags) => printLogs(name, flags, command))
}

async function printLogs(
  name: string,
  { follow = false, tail, ...filter }: LogsFlags,
  command: Command,
): Promise<void> {
  const printer = new LogPrinter(filter)
  const blocks = logBlocks(name, { ...rootsOf(command), follow, ...(tail === 'all' ? {} : { tail }) })
  for await (const { data, gap } of blocks) {
    if (gap) writeAll(2, 'utsuwa: some of the log was removed before it was read\n')
    await printer.print(data)
    if (printer.isDone) return
  }
}

function parseTail(text: string): number | 'all' {
  if (text === 'all') return text
  const number = Number(text)
  // As docker has it, a negative number is all.
  if (Number.isInteger(number) && text.trim() !== '') return number < 0 ? 'all' : number
  throw new InvalidArgumentError('It must be a number, or all.')
}

function moment(text: string): Date {
  const time = parseMoment(text, Date.now())
  if (time === undefined) throw new InvalidArgumentError('It must be a time, such as 2026-01-02T03:04:05Z or 10m.')
  return time
}
