import { isatty } from 'node:tty'
import type { Command } from 'commander'
import { containers, inspectContainer, type Roots } from '../../index.ts'
import { sleep } from '../../util/sleep.ts'
import { addFormatFlag, type FormatFlags, printedAsJson } from '../output-format.ts'
import { parseNumber } from '../parse-number.ts'
import { compare, formatUse, type ResourceUse, type Sample, takeSamples } from '../resource-use.ts'
import { rootsOf } from '../roots.ts'
import { writeAll } from '../write.ts'

interface StatsFlags extends FormatFlags {
  readonly interval: number
  /** Negated flags: false when given. */
  readonly stream: boolean
  readonly trunc: boolean
}

/** Between the two samples that a CPU's share takes. */
const SHORT_INTERVAL_S = 0.5
/** ED, CUP of ECMA-48: to the first line, and what is below it goes. */
const HOME = '\u001B[H\u001B[J'
const CLEAR = '\u001B[2J'

export const examples = ['utsuwa stats', 'utsuwa stats --no-stream --format json web db']

export function define(command: Command): void {
  addFormatFlag(command)
    .argument('[CONTAINER...]', 'names, ids or their beginnings (default: all that run)')
    .option('--no-stream', 'print once')
    .option('--interval <SECONDS>', 'time between two prints (default: 1)', parseNumber, 1)
    .option('--no-trunc', 'ids in full')
    .action((names: string[], flags: StatsFlags) => showStats(names, flags, rootsOf(command)))
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

/** In one write, so that a terminal does not flicker. */
function print(uses: readonly ResourceUse[], flags: StatsFlags, redraws: boolean): void {
  if (flags.format === 'json' || flags.json) writeAll(1, uses.map(use => `${JSON.stringify(use)}\n`).join(''))
  else writeAll(1, `${redraws ? HOME : ''}${formatUse(uses, flags)}`)
}
