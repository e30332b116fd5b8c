import type { Command } from 'commander'
import { DEFAULT_RUN_ROOT, followJournal, isUtsuwaError, type JournalEvent, readJournal } from '../../index.ts'
import { eventFilter } from '../filters/event-filter.ts'
import { collect } from '../flags/collect.ts'
import { addFormatFlag, type FormatFlags } from '../flags/output-format.ts'
import { rootsOf } from '../flags/roots.ts'
import { parseTime } from '../flags/time-flag.ts'
import { printable } from '../print/format.ts'
import { writeAll } from '../print/write.ts'

interface EventsFlags extends FormatFlags {
  readonly filter?: string[]
  readonly since?: number
  readonly until?: number
}

export const examples = [
  'utsuwa events',
  'utsuwa events --since 10m --until 0s --filter event=die',
  'utsuwa events --format json --filter container=web',
]

export function define(command: Command): void {
  addFormatFlag(command)
    .option('--since <TIME>', 'begin with what happened since then; such as 10m or 2026-01-31T12:00:00Z', text =>
      parseTime(text),
    )
    .option('--until <TIME>', 'end then (default: never)', text => parseTime(text))
    .option('-f, --filter <FILTER>', 'event=die, container=NAME, image=NAME, label=NAME[=VALUE]', collect)
    .action(async (flags: EventsFlags) => {
      const { runRoot = DEFAULT_RUN_ROOT } = rootsOf(command)
      const passes = eventFilter(flags.filter ?? [])
      for await (const event of eventsOf(runRoot, flags)) if (passes(event)) print(event, flags)
    })
}

async function* eventsOf(runRoot: string, { since, until }: EventsFlags): AsyncGenerator<JournalEvent> {
  const isMeant = ({ time }: JournalEvent): boolean =>
    Date.parse(time) >= (since ?? Number.NEGATIVE_INFINITY) && Date.parse(time) <= (until ?? Number.POSITIVE_INFINITY)
  const remaining = (until ?? Number.POSITIVE_INFINITY) - Date.now()
  if (remaining <= 0) {
    yield* readJournal(runRoot).filter(isMeant)
    return
  }
  const signal = Number.isFinite(remaining) ? AbortSignal.timeout(remaining) : undefined
  const options = { past: since !== undefined, ...(signal === undefined ? {} : { signal }) }
  try {
    for await (const event of followJournal(runRoot, options)) if (isMeant(event)) yield event
  } catch (error) {
    if (!isUtsuwaError(error, 'ABORTED')) throw error
  }
}

function print(event: JournalEvent, { format, json }: FormatFlags): void {
  if (format === 'json' || json) writeAll(1, `${printable(JSON.stringify(event))}\n`)
  else writeAll(1, `${printable(describe(event))}\n`)
}

/** As docker prints it. */
function describe({ time, type, id, name, image, labels, attributes }: JournalEvent): string {
  const all = {
    ...labels,
    ...attributes,
    ...(image === undefined ? {} : { image }),
    ...(name === undefined ? {} : { name }),
  }
  const words = Object.entries(all).map(([key, value]) => `${key}=${value}`)
  return `${time} container ${type} ${id} (${words.join(', ')})`
}
