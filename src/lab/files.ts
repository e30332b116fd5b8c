/** What an experiment leaves in its directory. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CgroupSample } from '../cgroup/stats/sample.ts'
import { UtsuwaError } from '../errors.ts'
import { errnoOf } from '../util/errno.ts'
import { toCsv } from './csv.ts'
import { toPage } from './page.ts'
import type { LabResults, RunRecord } from './results.ts'

/** Samples are written in pieces of this size: a write each would disturb what is measured. */
const PIECE = 256 * 1024

/** Written as the experiment proceeds, so that its results up to any interruption are kept. */
export class ResultFiles implements Disposable {
  /** Absolute. */
  readonly directory: string
  readonly #samplesFd: number
  #pending = ''
  #latest = new Map<string, CgroupSample>()

  /** @throws UtsuwaError INVALID_ARGUMENT for a directory that cannot be made */
  constructor(directory: string) {
    this.directory = resolve(directory)
    try {
      mkdirSync(join(this.directory, 'output'), { recursive: true })
      this.#samplesFd = openSync(join(this.directory, 'samples.jsonl'), 'w')
    } catch (cause) {
      const errno = errnoOf(cause)
      throw new UtsuwaError('INVALID_ARGUMENT', undefined, {
        operation: `make directory ${directory}`,
        path: directory,
        errno,
        cause,
      })
    }
  }

  /** One line; files that say what they said in the line before, of the same container and run, are left out. */
  sample(run: number, container: string, sample: CgroupSample): void {
    const before = this.#latest.get(container)?.files ?? {}
    this.#latest.set(container, sample)
    const files = Object.fromEntries(Object.entries(sample.files).filter(([name, text]) => before[name] !== text))
    this.#pending += `${JSON.stringify({ run, container, atUsec: sample.atUsec, files })}\n`
    if (this.#pending.length >= PIECE) this.#flush()
  }

  run({ index, containers }: RunRecord): void {
    this.#flush()
    this.#latest.clear()
    for (const [name, { output }] of Object.entries(containers))
      if (output !== '') writeFileSync(join(this.directory, 'output', `${index}-${name}.txt`), output)
  }

  finish(results: LabResults): void {
    this.#flush()
    const write = (name: string, text: string): void => writeFileSync(join(this.directory, name), text)
    write('results.json', `${JSON.stringify(withoutSeries(results), undefined, 2)}\n`)
    write('runs.csv', toCsv(results))
    write('index.html', toPage(results))
  }

  [Symbol.dispose](): void {
    this.#flush()
    closeSync(this.#samplesFd)
  }

  #flush(): void {
    if (this.#pending !== '') writeSync(this.#samplesFd, this.#pending)
    this.#pending = ''
  }
}

/** For programs: the samples are in a file of their own, and series are for plots alone. */
export function withoutSeries({ runs, ...results }: LabResults): object {
  return { ...results, runs: runs.map(({ series: _, ...run }) => run) }
}
