import type { Command } from 'commander'
import { type ContainerSummary, containers } from '../../index.ts'
import { formatPort } from '../../options/ports.ts'
import { asksForStopped, containerFilter } from '../filters/container-filter.ts'
import { collect } from '../flags/collect.ts'
import { addListFlags, type ListFlags, printedAsJson } from '../flags/output-format.ts'
import { parseNumber } from '../flags/parse-number.ts'
import { rootsOf } from '../flags/roots.ts'
import { formatAge, formatDuration, printable, shortId, truncate } from '../print/format.ts'
import { reportWarning } from '../print/report.ts'
import { formatTable } from '../print/table.ts'
import { writeAll } from '../print/write.ts'

interface PsFlags extends ListFlags {
  readonly all?: boolean
  readonly filter?: string[]
  readonly last?: number
  readonly latest?: boolean
  /** Negated flag: false when given. */
  readonly trunc: boolean
}

const COMMAND_WIDTH = 22

export const examples = [
  'utsuwa ps',
  'utsuwa ps -a',
  'utsuwa ps -a --format json',
  'utsuwa rm $(utsuwa ps -q -f status=exited)',
]

export function define(command: Command): void {
  addListFlags(command)
    .option('-a, --all', 'also those that have stopped')
    .option(
      '-f, --filter <FILTER>',
      'such as name=PATTERN, status=running, label=NAME, ancestor=IMAGE, exited=0',
      collect,
    )
    .option('-n, --last <NUMBER>', 'the newest ones, also those that have stopped', parseNumber)
    .option('-l, --latest', 'the newest one, also when it has stopped')
    .option('--no-trunc', 'ids and commands in full')
    .action(async (flags: PsFlags) => {
      const list = choose(await containers({ ...rootsOf(command), onWarning: reportWarning }), flags)
      if (flags.quiet) writeAll(1, list.map(({ id }) => `${flags.trunc ? shortId(id) : id}\n`).join(''))
      else if (!printedAsJson(flags, list)) writeAll(1, table(list, flags, Date.now()))
    })
}

function choose(all: readonly ContainerSummary[], flags: PsFlags): readonly ContainerSummary[] {
  const { filter = [], latest, last = latest ? 1 : undefined } = flags
  const withStopped = flags.all || last !== undefined || asksForStopped(filter)
  const passes = containerFilter(filter, all)
  const list = all.filter(container => passes(container) && (withStopped || container.status !== 'stopped'))
  return last === undefined ? list : list.slice(0, last)
}

function table(list: readonly ContainerSummary[], { trunc }: PsFlags, now: number): string {
  return formatTable(
    ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES'],
    list.map(container => {
      const command = printable(JSON.stringify(container.command.join(' ')))
      return [
        trunc ? shortId(container.id) : container.id,
        printable(container.image ?? '<rootfs>'),
        trunc ? truncate(command, COMMAND_WIDTH) : command,
        formatAge(container.created, now),
        describeStatus(container, now),
        container.ports.map(formatPort).join(', '),
        container.name ?? '',
      ]
    }),
  )
}

type Described = Pick<ContainerSummary, 'status' | 'created' | 'exitCode'> &
  Partial<Pick<ContainerSummary, 'started' | 'finished' | 'lostMonitor'>>

export function describeStatus(
  { status, created, started, finished, exitCode, lostMonitor }: Described,
  now: number,
): string {
  const notes = lostMonitor ? ' (lost its monitor)' : ''
  const up = `Up ${formatDuration(now - Date.parse(started ?? created))}${notes}`
  const ended = finished === undefined ? '' : ` ${formatAge(finished, now)}`
  switch (status) {
    case 'creating':
    case 'created':
      return `Created${notes}`
    case 'running':
      return up
    case 'paused':
      return `${up} (Paused)`
    case 'restarting':
      return `Restarting (${exitCode})${ended}`
    case 'stopped':
      return exitCode === undefined ? `Exited (unknown)${notes}` : `Exited (${exitCode})${ended}`
  }
}
