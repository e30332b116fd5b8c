import { basename, extname } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { lab } from '../../index.ts'
import { withoutSeries } from '../../lab/files.ts'
import { printableJson } from '../flags/output-format.ts'
import { parseNumber } from '../flags/parse-number.ts'
import { rootsOf } from '../flags/roots.ts'
import { printable } from '../print/format.ts'
import { formatLabResults, openLabProgress } from '../print/lab-progress.ts'
import { writeAll } from '../print/write.ts'

export const examples = [
  'utsuwa lab run examples/lab/oom-at-the-edge.yaml',
  'utsuwa lab run --out results --repeats 5 experiment.yaml',
  "utsuwa lab run --json experiment.ts | jq '.runs[].containers.main.exit'",
]

interface LabFlags {
  readonly out?: string
  readonly interval?: number
  readonly repeats?: number
  readonly json?: boolean
}

export function define(parent: Command): void {
  const command = parent.command('run').description('run an experiment: a command under every combination of limits')
  command
    .argument('<FILE>', 'the experiment: YAML, or a module in TypeScript or JavaScript that exports it')
    .option('-o, --out <DIR>', 'directory for the page, the table and the samples (default: FILE-DATE-TIME)')
    .option('--interval <DURATION>', 'time between two samples, such as 10ms', parseDuration)
    .option('--repeats <COUNT>', 'how often each combination runs', parseNumber)
    .option('--json', 'print the results as JSON')
    .action((file: string, flags: LabFlags) => runLab(command, file, flags))
}

async function runLab(command: Command, file: string, { out, interval, repeats, json }: LabFlags): Promise<void> {
  const abort = new AbortController()
  // The first one ends the experiment, which still writes what there is; the next one ends this process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => abort.abort())
  const progress = openLabProgress()
  try {
    const results = await lab.run(file, {
      ...rootsOf(command),
      out: out ?? defaultDirectory(file),
      ...(interval !== undefined && { intervalMs: interval }),
      ...(repeats !== undefined && { repeats }),
      signal: abort.signal,
      onProgress: event => progress.show(event),
    })
    progress.end()
    if (json) writeAll(1, `${printableJson(withoutSeries(results))}\n`)
    else writeAll(1, `${formatLabResults(results)}\n${printable(results.directory!)}/index.html\n`)
    if (results.interrupted) process.exitCode = 130
  } finally {
    progress.end()
  }
}

/** `oom-at-the-edge-20261125-093000` for `examples/lab/oom-at-the-edge.yaml`, in the working directory. */
function defaultDirectory(file: string): string {
  const [date, time] = new Date().toISOString().split('.')[0]!.replaceAll(/[-:]/g, '').split('T')
  return `${basename(file, extname(file))}-${date}-${time}`
}

function parseDuration(text: string): number {
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? []
  const milliseconds = Number(digits) * (unit === 's' ? 1000 : 1)
  if (!(milliseconds >= 1)) throw new InvalidArgumentError('It must be a time such as 10ms or 0.5s.')
  return milliseconds
}
