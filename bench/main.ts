/**
 * All benchmarks on one page: `node bench/main.ts [--rounds N] [--out DIRECTORY]` writes README.md and its charts there
 * (default build/bench). `--rounds` is that of the starts; of the pulls, which take minutes each, there are 3.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const PULL_ROUNDS = 3

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    out: { type: 'string', default: join(import.meta.dirname, '../build/bench') },
  },
})

run('start/main.ts', '--rounds', values.rounds, '--out', values.out)
const pulls = run('pull/main.ts', '--rounds', String(Math.min(PULL_ROUNDS, Number(values.rounds))))
appendFileSync(join(values.out, 'README.md'), `\n# Pulls\n\n${pulls}`)

function run(script: string, ...args: string[]): string {
  const words = [join(import.meta.dirname, script), ...args]
  return execFileSync(process.execPath, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
