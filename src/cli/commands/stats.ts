import { isatty } from 'node:tty'
import type { Command } from 'commander'
import { containers, inspectContainer, type Roots, UtsuwaError } from '../../index.ts'
import { sleep } from '../../util/sleep.ts'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../flags/output-format.ts'
import { parseNumber } from '../flags/parse-number.ts'
import { rootsOf } from '../flags/roots.ts'
import { compare, formatUse, type ResourceUse, type Sample, takeSamples } from '../print/resource-use.ts'
import { writeAll } from '../print/write.ts'

interface StatsFlags extends FormatFlags {
  readonly interval: number
  /** Negated flags: false when given. */
  readonly stream: boolean
  readonly trunc: boolean
  readonly watch?: boolean
}

/** Between the two samples that a CPU's share takes. */
const SHORT_INTERVAL_S = 0.5
const SHORTEST_INTERVAL_S = 0.02
/** CUP, EL and ED of ECMA-48: to the first line; what is behind a line, and below them all. */
const HOME = '\u001B[H'
const ERASE_REST = '\u001B[K'
const ERASE_BELOW = '\u001B[J'
const CLEAR = '\u001B[2J'

export const examples = ['utsuwa stats', 'utsuwa stats --no-stream --format json web db', 'utsuwa stats --watch web']

export function define(command: Command): void {
  addFormatFlag(command)
    .argument('[CONTAINER...]', 'names, ids or their beginnings (default: all that run)')
    .option('--no-stream', 'print once')
    .option('--interval <SECONDS>', 'time between two prints (default: 1)', parseNumber, 1)
    .option('--no-trunc', 'ids in full')
    .option('--watch', 'one container in full, with curves against its limits, and what the kernel does to it')
    .action(async (names: string[], flags: StatsFlags) => {
      if (flags.interval < SHORTEST_INTERVAL_S)
        throw new UtsuwaError('INVALID_ARGUMENT', `--interval: ${SHORTEST_INTERVAL_S} is the least`)
      if (flags.watch) await watchOne(names, flags, rootsOf(command))
      else await showStats(names, flags, rootsOf(command))
    })
}

/** Loaded when needed. */
async function watchOne([name, ...others]: readonly string[], flags: StatsFlags, roots: Roots): Promise<void> {
  if (name === undefined || others.length > 0)
    throw new UtsuwaError('INVALID_ARGUMENT', '--watch: one container is expected', {
      hint: 'utsuwa stats --watch NAME',
    })
  if (flags.format === 'json' || flags.json || !flags.stream)
    throw new UtsuwaError('INVALID_ARGUMENT', '--watch is for people', { hint: 'utsuwa stats --no-stream --json NAME' })
  const { watchContainer } = await import('../watch/watch-container.ts')
  await watchContainer(name, flags.interval, roots)
}

async function showStats(names: readonly string[], flags: StatsFlags, roots: Roots): Promise<void> {
  const named = await Promise.all(names.map(name => inspectContainer(name, roots)))
  const sample = async (): Promise<Sample[]> =>
    takeSamples(names.length > 0 ? named : (await containers(roots)).filter(isRunning), roots)
  let before = new Map<string, Sample>()
  const next = async (): Promise<ResourceUse[]> => {
    const samples = await sample()
    const uses = samples.map(each => compare(before.get(each.id), each))
    before = new Map(samples.map(each => [each.id, each]))
    return uses
  }
  await next()
  await sleep(SHORT_INTERVAL_S * 1000)
  if (!flags.stream) {
    const uses = await next()
    if (!printedAsJson(flags, uses)) writeAll(1, formatUse(uses, flags))
    return
  }
  const redraws = isatty(1) && flags.format !== 'json' && flags.json !== true
  if (redraws) writeAll(1, CLEAR)
  for (;;) {
    print(await next(), flags, redraws)
    await sleep(flags.interval * 1000)
  }
}

const isRunning = ({ status }: { readonly status: string }): boolean => status === 'running' || status === 'paused'

/** What does not fit would push the first lines out, above which nothing can be drawn again. */
function redrawn(table: string, rows: number): string {
  const lines = table.split('\n').slice(0, rows - 1)
  return `${HOME}${lines.map(line => `${line}${ERASE_REST}`).join('\n')}${ERASE_BELOW}`
}

/** In one write that leaves nothing blank meanwhile, so that a terminal does not flicker. */
function print(uses: readonly ResourceUse[], flags: StatsFlags, redraws: boolean): void {
  if (flags.format === 'json' || flags.json) writeAll(1, uses.map(use => `${JSON.stringify(use)}\n`).join(''))
  else {
    const [columns, rows] = redraws ? process.stdout.getWindowSize() : []
    const table = formatUse(uses, { ...flags, ...(columns && { columns }) })
    writeAll(1, redraws ? redrawn(table, rows || uses.length + 2) : table)
  }
}
