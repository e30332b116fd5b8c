/** Runs files of node:test and turns its events into results. */

import { type EventData, run } from 'node:test'
import { inspect } from 'node:util'
import { fromRoot, printGroup, type Result } from './result.ts'

export interface NodeTestOptions {
  /** How many files run at the same time. */
  concurrency: number
  /** Milliseconds after which a test counts as hanging. */
  timeout: number
}

/** The stack holds all of a failed assertion; of other errors the properties tell more. Frames inside Node tell nothing. */
function describe(error: unknown): string {
  const assertion = error instanceof Error && 'code' in error && error.code === 'ERR_ASSERTION'
  const text = assertion ? (error.stack ?? error.message) : inspect(error)
  return text
    .split('\n')
    .filter(line => !/^\s+at .*\(?node:/.test(line))
    .join('\n')
}

type TestEvent = EventData.TestPass | EventData.TestFail

/** Each file runs in a process of its own. A file in which no test ran is a failure. */
export async function runNodeTests(
  files: readonly string[],
  { concurrency, timeout }: NodeTestOptions,
): Promise<Result[]> {
  const byFile = new Map(files.map(file => [file, { results: [] as Result[], output: '' }]))

  const record = (status: Result['status'], { file, name, details, skip, todo }: TestEvent) => {
    const entry = byFile.get(file ?? '')
    if (file === undefined || entry === undefined || details.type === 'suite') return
    const result: Result = { group: fromRoot(file), name, status, milliseconds: details.duration_ms }
    if (skip || todo) {
      result.status = 'skipped'
      result.reason = String(skip || todo)
    } else if ('error' in details) {
      result.reason = describe(details.error.cause ?? details.error)
    }
    entry.results.push(result)
    // A file stands for itself only when it ended badly, or when it ended well and no test had run.
    if (name !== file) return
    result.name = 'the file itself'
    if (status === 'passed') Object.assign(result, { status: 'failed', reason: 'no test ran' })
    print(file, details.duration_ms)
  }

  const print = (file: string, milliseconds: number) => {
    const { results, output } = byFile.get(file) ?? { results: [], output: '' }
    printGroup(fromRoot(file), results, milliseconds)
    if (results.some(result => result.status === 'failed') && output !== '') console.log(output)
  }

  const stream = run({ files: [...files], concurrency, timeout, execArgv: ['--disable-warning=ExperimentalWarning'] })
  stream.on('test:pass', data => record('passed', data))
  stream.on('test:fail', data => record('failed', data))
  for (const event of ['test:stdout', 'test:stderr'] as const)
    stream.on(event, ({ file, message }) => {
      const entry = byFile.get(file)
      if (entry !== undefined) entry.output += message
    })
  stream.on('test:summary', ({ file, duration_ms }) => {
    if (file !== undefined) print(file, duration_ms)
  })
  for await (const _event of stream); // reading to the end is what makes it run
  return [...byFile.values()].flatMap(({ results }) => results)
}
